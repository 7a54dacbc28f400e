namespace Sequor.Layers;

/// <summary>
/// Some pieces side by side in host memory, the shorter ones padded with zeros to the longest; made once and filled again
/// and again.
/// </summary>
public sealed class PieceBatch
{
    private readonly float[] _x;
    private readonly float[] _targets;
    private readonly float[] _mask;
    private readonly int[] _lengths;
    private readonly int _inputSize;
    private readonly int _targetSize;
    private readonly int _maxSteps;
    private readonly bool _oneTarget;
    private bool _padded;

    /// <summary>Room for pieces of a set.</summary>
    /// <param name="set">Its channels and its longest piece count.</param>
    /// <param name="most">Pieces at most, at least 1.</param>
    public PieceBatch(PieceSet set, int most)
    {
        ArgumentNullException.ThrowIfNull(set);
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        (_inputSize, _targetSize, _oneTarget) = (set.InputSize, set.TargetSize, set.OneTarget);
        _maxSteps = set.Longest;
        int rows = checked(_maxSteps * most);
        _x = new float[checked(rows * _inputSize)];
        _targets = new float[checked((_oneTarget ? most : rows) * _targetSize)];
        _mask = new float[_oneTarget ? 0 : rows];
        _lengths = new int[most];
    }

    /// <summary>T: steps of the longest piece.</summary>
    public int Steps { get; private set; }

    /// <summary>B: pieces.</summary>
    public int Size { get; private set; }

    /// <summary>Inputs [T, B, C].</summary>
    public ReadOnlySpan<float> X => _x.AsSpan(0, Steps * Size * _inputSize);

    /// <summary>Targets [T, B, C], or [B, C] where there is one a piece.</summary>
    public ReadOnlySpan<float> Targets =>
        _targets.AsSpan(0, (_oneTarget ? 1 : Steps) * Size * _targetSize);

    /// <summary>1 for each step [T, B] of a piece and 0 beyond its end; empty where nothing is padded.</summary>
    public ReadOnlySpan<float> Mask =>
        _padded && !_oneTarget ? _mask.AsSpan(0, Steps * Size) : default;

    /// <summary>Steps of each piece; empty where all have as many.</summary>
    public ReadOnlySpan<int> Lengths => _padded ? _lengths.AsSpan(0, Size) : default;

    /// <summary>The input channels of step t of piece b.</summary>
    public Span<float> Input(int t, int b) => _x.AsSpan(((t * Size) + b) * _inputSize, _inputSize);

    /// <summary>The target of step t (0 where there is one) of piece b.</summary>
    public Span<float> Target(int t, int b) =>
        _targets.AsSpan(((t * Size) + b) * _targetSize, _targetSize);

    /// <summary>Puts pieces side by side.</summary>
    /// <param name="set">The set that the batch was made for, or one of its shape and no longer pieces.</param>
    /// <param name="pieces">Their numbers.</param>
    /// <exception cref="ArgumentException">There are more pieces than there is room for, or longer or wider ones.</exception>
    public void Load(PieceSet set, ReadOnlySpan<int> pieces)
    {
        ArgumentNullException.ThrowIfNull(set);
        RequireFit(set, pieces);
        Size = pieces.Length;
        Steps = 0;
        for (int b = 0; b < Size; b++)
        {
            _lengths[b] = set.StepsOf(pieces[b]);
            Steps = Math.Max(Steps, _lengths[b]);
        }
        _padded = _lengths.AsSpan(0, Size).IndexOfAnyExcept(Steps) >= 0;
        for (int b = 0; b < Size; b++)
        {
            set.Fill(this, b, pieces[b]);
            if (_padded)
                Pad(b);
        }
    }

    private void RequireFit(PieceSet set, ReadOnlySpan<int> pieces)
    {
        if (pieces.Length > _lengths.Length)
            throw new ArgumentException(
                $"There is room for {Amount.Of(_lengths.Length, "piece")}, not for {pieces.Length}.",
                nameof(pieces)
            );
        if ((set.InputSize, set.TargetSize, set.OneTarget) != (_inputSize, _targetSize, _oneTarget))
            throw new ArgumentException(
                $"The set '{set.Name}' has other channels than the one that the batch was made for.",
                nameof(set)
            );
        foreach (int piece in pieces)
        {
            int steps = set.StepsOf(piece);
            if (steps < 1 || steps > _maxSteps)
                throw new ArgumentException(
                    $"There is room for pieces of 1 to {Amount.Of(_maxSteps, "step")}; piece {piece + 1} of '{set.Name}' has {steps}.",
                    nameof(pieces)
                );
        }
    }

    private void Pad(int b)
    {
        for (int t = 0; t < Steps; t++)
        {
            bool inside = t < _lengths[b];
            if (!inside)
                Input(t, b).Clear();
            if (_oneTarget)
                continue;
            _mask[(t * Size) + b] = inside ? 1f : 0f;
            if (!inside)
                Target(t, b).Clear();
        }
    }
}
