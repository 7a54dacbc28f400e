using System.Globalization;

namespace Sequor.Layers;

// Fills a batch: a set writes one sequence after the other, and what it writes is checked.
public sealed partial class SequenceBatch
{
    // The set that is filling the batch, and which sequence at which index; null when no set is.
    private Dataset? _filling;
    private long _sequence;
    private int _place;

    /// <summary>Fills the batch with sequences.</summary>
    /// <param name="data">
    /// The set that the batch was made for, or another one with the same sizes and sequences that are not longer.
    /// </param>
    /// <param name="sequences">The numbers of the sequences.</param>
    /// <exception cref="ArgumentException">
    /// There are more sequences than fit, the set has no sequence of such a number, or its sizes are different.
    /// </exception>
    /// <exception cref="DatasetException">
    /// The set broke the rules of <see cref="Dataset"/>; the batch's values are then undefined.
    /// </exception>
    public void Load(Dataset data, ReadOnlySpan<int> sequences)
    {
        RequireFit(data, sequences.Length);
        Begin(sequences.Length);
        for (int b = 0; b < sequences.Length; b++)
            Measure(data, b, sequences[b]);
        Clear();
        for (int b = 0; b < sequences.Length; b++)
            Fill(data, b, sequences[b]);
    }

    /// <summary>Fills the batch with sequences of consecutive numbers.</summary>
    /// <param name="data">As for <see cref="Load(Dataset, ReadOnlySpan{int})"/>.</param>
    /// <param name="first">The number of the first sequence, from 0.</param>
    /// <param name="count">The number of sequences, at least 1.</param>
    /// <exception cref="ArgumentException">As for the other overload.</exception>
    /// <exception cref="DatasetException">As for the other overload.</exception>
    public void Load(Dataset data, long first, int count)
    {
        RequireFit(data, count);
        Begin(count);
        for (int b = 0; b < count; b++)
            Measure(data, b, first + b);
        Clear();
        for (int b = 0; b < count; b++)
            Fill(data, b, first + b);
    }

    /// <summary>The numbers of the sequences for messages, as in 4, 0, 7.</summary>
    internal string Numbers => string.Join(", ", _numbers.Take(Size));

    private void RequireFit(Dataset data, int count)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (count < 1 || count > _lengths.Length)
            throw new ArgumentException(
                $"There is room for 1 to {Amount.Of(_lengths.Length, "sequence")}, not for {count}."
            );
        if (!_shape.HasSameValues(DatasetShape.Of(data)))
            throw new ArgumentException(
                $"The batch was made for a dataset of {_shape}; '{data.Name}' is {DatasetShape.Of(data)}.",
                nameof(data)
            );
    }

    private void Begin(int count)
    {
        (Size, Length, _padded) = (count, 0, false);
    }

    private void Measure(Dataset data, int b, long sequence)
    {
        if (sequence < 0 || sequence >= (data.Count ?? long.MaxValue))
            throw new ArgumentException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The dataset '{data.Name}' has the sequences 0 to {(data.Count ?? long.MaxValue) - 1}, and none of the number {sequence}."
                ),
                nameof(sequence)
            );
        int length = data.LengthOf(sequence);
        int shortest = data.Shortest;
        int longest = Math.Min(data.Longest, _maxLength);
        if (length < shortest || length > longest)
            throw new DatasetException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Sequence {sequence} of the dataset '{data.Name}' has {Amount.Of(length, "step")}; allowed are {shortest} to {longest}, as the set has said of its sequences and the batch has room for."
                )
            );
        (_lengths[b], _numbers[b]) = (length, sequence);
        Length = Math.Max(Length, length);
    }

    // A set writes only what is not 0, so the values of an earlier batch are cleared first.
    private void Clear()
    {
        _padded = _lengths.AsSpan(0, Size).IndexOfAnyExcept(Length) >= 0;
        _x.AsSpan(0, Length * Size * _shape.InputSize).Clear();
        _targets.AsSpan(0, Answers * _shape.TargetSize).Clear();
        if (Mask.IsEmpty)
            return;
        if (_shape.OneOutput)
        {
            _weights.AsSpan(0, Size).Fill(1f);
            return;
        }
        for (int t = 0; t < Length; t++)
        {
            for (int b = 0; b < Size; b++)
                _weights[(t * Size) + b] = t < _lengths[b] ? 1f : 0f;
        }
    }

    private void Fill(Dataset data, int b, long sequence)
    {
        (_filling, _sequence, _place) = (data, sequence, b);
        try
        {
            data.Fill(this, b, sequence);
        }
        catch (Exception e) when (e is IndexOutOfRangeException or ArgumentException)
        {
            throw new DatasetException(
                $"{Named()} could not be filled: {e.Message} {Allowed()}",
                e
            );
        }
        finally
        {
            _filling = null;
        }
        Check(data, b, sequence);
    }

    private void Check(Dataset data, int b, long sequence)
    {
        int answers = _shape.OneOutput ? 1 : _lengths[b];
        if (data.InputClasses is { } inputs)
        {
            for (int t = 0; t < _lengths[b]; t++)
                RequireClasses(data, sequence, t, "input", Input(t, b), inputs, null);
        }
        if (data.TargetClasses is { } targets)
        {
            for (int t = 0; t < answers; t++)
                RequireClasses(
                    data,
                    sequence,
                    t,
                    "target",
                    Target(t, b),
                    targets,
                    data.IgnoredClass
                );
        }
        if (!_shape.IsWeighted)
            return;
        for (int t = 0; t < answers; t++)
        {
            float weight = Weight(t, b);
            if (!(weight >= 0 && float.IsFinite(weight)))
                throw new DatasetException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"Sequence {sequence} of the dataset '{data.Name}' has the weight {weight} at step {t}; allowed are finite numbers from 0 on."
                    )
                );
        }
    }

    private static void RequireClasses(
        Dataset data,
        long sequence,
        int t,
        string what,
        ReadOnlySpan<float> values,
        int classes,
        int? ignored
    )
    {
        foreach (float value in values)
        {
            if ((value >= 0 && value < classes && value == MathF.Floor(value)) || value == ignored)
                continue;
            throw new DatasetException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Sequence {sequence} of the dataset '{data.Name}' has the {what} {value} at step {t}; allowed are the classes 0 to {classes - 1}{(ignored is { } none ? $", and {none} for none" : "")}."
                )
            );
        }
    }

    private bool Owns(int t, int b) => b == _place && t < _lengths[b];

    private Exception Outside(int t, int b, int steps, string what) =>
        _filling is null
            ? new ArgumentOutOfRangeException(
                (uint)b < (uint)Size ? nameof(t) : nameof(b),
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The batch has {what} of {Amount.Of(steps, "step")} of {Amount.Of(Size, "sequence")}; asked for are those of step {t} of sequence {b}."
                )
            )
            : new DatasetException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Named()} asks for the {what} of step {t} at place {b}. {Allowed()}"
                )
            );

    private string Named() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"Sequence {_sequence} of the dataset '{_filling!.Name}'"
        );

    private string Allowed() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"Allowed are place {_place}, steps 0 to {_lengths[_place] - 1}{(_shape.OneOutput ? " (0 of targets)" : "")}, {_shape.InputSize} numbers of input and {_shape.TargetSize} of target."
        );
}
