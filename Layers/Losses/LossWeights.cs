using System.Globalization;

namespace Sequor.Layers;

/// <summary>
/// The weights of the rows of a plan's output in a loss: the caller's mask, or 1; and 0 where a row's target means that it does not count,
/// and after the end of its sequence.
/// </summary>
/// <remarks>
/// The loaded weights and those made of them for the lengths of a batch lie in separate places, since a step without lengths may be
/// replayed and then reads the loaded ones.
/// </remarks>
internal sealed class LossWeights
{
    // Quotients of such sums by any number of columns are normal floats. Weights with other sums are scaled, which changes no mean.
    private const double Least = 1.0 / Most;
    private const double Most = 1L << 62;

    private readonly Plan _plan;
    private readonly Storage _storage;
    private readonly long _first;
    private readonly bool _ignores;

    // The loaded weights, where the host needs them again, and the same under lengths or scaled.
    private float[]? _loaded;
    private float[]? _made;
    private double _loadedSum;
    private bool _isPadded;

    /// <param name="plan">The plan.</param>
    /// <param name="storage">The storage on the backend that they lie in.</param>
    /// <param name="first">The offset of the first one there; they take as many floats as <see cref="Places"/> says.</param>
    /// <param name="ignores">Whether a target may mean that its row does not count.</param>
    public LossWeights(Plan plan, Storage storage, long first, bool ignores)
    {
        (_plan, _storage, _first, _ignores) = (plan, storage, first, ignores);
        if (ignores || plan.MayPad)
            _loaded = new float[plan.MaxOutput.Rows];
        if (plan.MayPad)
            _made = new float[plan.MaxOutput.Rows];
    }

    /// <summary>Whether the rows have weights of their own, by a mask or by targets that may be ignored.</summary>
    public bool IsWeighted { get; private set; }

    /// <summary>The sum of the weights that were chosen last.</summary>
    public double Sum { get; private set; }

    /// <summary>The number of floats that the weights take on the backend.</summary>
    public static long Places(Plan plan) => plan.MaxOutput.Rows * (plan.MayPad ? 2 : 1);

    /// <summary>Throws if a mask has a weight that is negative or not finite.</summary>
    public void RequireValid(ReadOnlySpan<float> mask, Shape output)
    {
        for (int row = 0; row < mask.Length; row++)
        {
            if (!(mask[row] >= 0 && float.IsFinite(mask[row])))
                throw new ArgumentException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"The weight of {Where(_plan, row, output)} must be a finite number from 0 on, not {mask[row]}."
                    ),
                    nameof(mask)
                );
        }
    }

    /// <summary>Takes a mask, or none. Returns the weights if targets may still change them.</summary>
    public Span<float> Begin(ReadOnlySpan<float> mask, Shape output)
    {
        IsWeighted = _ignores || !mask.IsEmpty;
        if (!IsWeighted)
            return default;
        _loaded ??= new float[_plan.MaxOutput.Rows];
        Span<float> weights = _loaded.AsSpan(0, (int)output.Rows);
        if (mask.IsEmpty)
            weights.Fill(1f);
        else
            mask.CopyTo(weights);
        return weights;
    }

    /// <summary>Copies the weights that were taken to the backend.</summary>
    public void Place(Shape output)
    {
        _isPadded = false;
        if (IsWeighted)
        {
            Span<float> weights = _loaded.AsSpan(0, (int)output.Rows);
            _loadedSum = SumOf(weights);
            Write(weights, _loadedSum, _first, output);
        }
        else
            _loadedSum = output.Rows;
        Sum = _loadedSum;
    }

    /// <summary>Chooses the weights under the lengths of the plan's last forward pass.</summary>
    public void Choose(Shape output)
    {
        _isPadded = false;
        Sum = _loadedSum;
        if (!_plan.MayPad)
            return;
        ReadOnlySpan<int> lengths = _plan.ForwardLengths;
        if (lengths.IsEmpty)
            return;
        Span<float> weights = _made.AsSpan(0, (int)output.Rows);
        for (int t = 0, row = 0; t < output.First; t++)
        {
            for (int b = 0; b < lengths.Length; b++, row++)
            {
                bool there = t < lengths[b];
                weights[row] = there ? Loaded(row) : 0f;
                // If the mask already has these zeros, the loaded weights are used where they lie.
                _isPadded |= !there && Loaded(row) != 0;
            }
        }
        if (!_isPadded)
            return;
        Sum = SumOf(weights);
        Write(weights, Sum, _first + _plan.MaxOutput.Rows, output);
    }

    /// <summary>A row's loaded weight, before any scaling.</summary>
    public float Loaded(int row) => IsWeighted ? _loaded![row] : 1f;

    /// <summary>A row's weight under the lengths chosen last, before any scaling; 0 if the row does not count.</summary>
    public float Chosen(int row) => _isPadded ? _made![row] : Loaded(row);

    /// <summary>The weights that were chosen last, [T, B] on the backend; empty where all rows weigh the same.</summary>
    public Tensor Chosen(Shape output) =>
        _isPadded ? At(_first + _plan.MaxOutput.Rows, output)
        : IsWeighted ? At(_first, output)
        : default;

    /// <summary>Names a row of an output for error messages.</summary>
    public static string Where(Plan plan, int row, Shape output) =>
        plan.HasPackedRows && output.First > 1
            ? $"packed row {row}"
            : $"row {row}, step {row / output[1]} of sequence {row % output[1]},";

    private Tensor At(long first, Shape output) =>
        new(_storage, first, new Shape(output.First, output[1]));

    private void Write(Span<float> weights, double sum, long first, Shape output)
    {
        if (sum != 0 && !(sum >= Least && sum <= Most))
        {
            double scale = Math.ScaleB(1, -Math.ILogB(sum));
            _made ??= new float[_plan.MaxOutput.Rows];
            Span<float> scaled = _made.AsSpan(0, weights.Length);
            for (int i = 0; i < weights.Length; i++)
                scaled[i] = (float)(weights[i] * scale);
            weights = scaled;
        }
        At(first, output).Write(weights);
    }

    private static double SumOf(ReadOnlySpan<float> weights)
    {
        double sum = 0;
        foreach (float weight in weights)
            sum += weight;
        return sum;
    }
}
