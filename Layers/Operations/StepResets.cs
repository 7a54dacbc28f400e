using System.Runtime.InteropServices;

namespace Sequor.Layers;

/// <summary>
/// Which steps of a batch begin anew, as an episode does that begins within a sequence. The mark of step t cuts between t - 1 and t, in
/// either direction of a recurrence. In memory it is a bit a step, in <see cref="Pitch"/> words for each sequence, in the order in which
/// rows have them: a word of nothing, the steps from <see cref="FirstBit"/> on, and at least one word more, so that kernels may look beyond
/// both ends. The memory stays where it is, so that a recorded step sees the marks of each batch.
/// </summary>
/// <remarks>A plan has one, and sets it anew for each batch. Setting it allocates nothing.</remarks>
internal sealed class StepResets
{
    /// <summary>The bit of step 0 in a sequence's words.</summary>
    public const int FirstBit = BitsOfWord;

    private const int BitsOfWord = 32;

    // The caller's marks, and what is in memory: bits of sequences in the order of packed rows, none after a sequence's end.
    private readonly uint[] _given;
    private readonly uint[] _placed;
    private readonly int _before;
    private bool _givenAny;
    private bool _isPlaced = true;
    private bool _isWhole = true;
    private bool _wasUsed;

    /// <param name="maxLength">The most steps of a batch.</param>
    /// <param name="maxBatch">The most sequences of a batch.</param>
    /// <param name="before">Steps that states have before a call's first one: 1 where they are carried from call to call, else 0.</param>
    public StepResets(int maxLength, int maxBatch, int before = 0)
    {
        MaxLength = maxLength;
        _before = before;
        Pitch = checked((maxLength + before + BitsOfWord - 1) / BitsOfWord + 2);
        Count = checked(Pitch * maxBatch);
        _given = new uint[Count];
        _placed = new uint[Count];
    }

    /// <summary>The most steps of a batch.</summary>
    public int MaxLength { get; }

    /// <summary>The words of a sequence.</summary>
    public int Pitch { get; }

    /// <summary>The words of the largest batch, each of the size of a float.</summary>
    public int Count { get; }

    /// <summary>The words, in a backend's memory; zeros at first.</summary>
    public Tensor Words { get; set; }

    /// <summary>Whether any mark is in memory.</summary>
    public bool Any { get; private set; }

    /// <summary>The steps of the batch that marks were set for; 0 where none are.</summary>
    public int Length { get; private set; }

    /// <summary>The sequences of that batch.</summary>
    public int Batch { get; private set; }

    /// <summary>Sets the marks of a batch, each 0 or 1, and copies them to the memory as those of sequences that are all as long.</summary>
    /// <param name="marks">[T, B].</param>
    /// <param name="length">T.</param>
    /// <param name="batch">B.</param>
    public void Set(ReadOnlySpan<byte> marks, int length, int batch)
    {
        (Length, Batch) = (length, batch);
        Array.Clear(_given);
        for (int t = 0; t < length; t++)
        {
            ReadOnlySpan<byte> row = marks.Slice(t * batch, batch);
            if (row.IndexOfAnyExcept((byte)0) < 0)
                continue;
            (int word, uint bit) = Place(t);
            for (int b = 0; b < batch; b++)
            {
                if (row[b] != 0)
                    _given[b * Pitch + word] |= bit;
            }
        }
        _givenAny = _given.AsSpan().IndexOfAnyExcept(0u) >= 0;
        _wasUsed = false;
        _isPlaced = false;
        Put(null);
    }

    /// <summary>Removes all marks, from the memory too.</summary>
    public void Clear()
    {
        (Length, Batch) = (0, 0);
        if (_givenAny)
            Array.Clear(_given);
        (_givenAny, _wasUsed) = (false, false);
        if (!Any)
            return;
        _isPlaced = false;
        Put(null);
    }

    /// <summary>Removes marks that a forward pass has used, as those of a batch before.</summary>
    public void ClearUsed()
    {
        if (_wasUsed)
            Clear();
    }

    /// <summary>
    /// Has the marks lie as the rows of a batch do that a forward pass is about to take. Nothing is copied where they do, as those of a
    /// batch that is not packed.
    /// </summary>
    public void Use(SequenceLayout? layout)
    {
        Put(layout is { IsPacked: true } ? layout : null);
        _wasUsed = Length != 0;
    }

    private void Put(SequenceLayout? packed)
    {
        if (_isPlaced && (packed is null ? _isWhole : !Any && !_givenAny))
            return;
        if (packed is null)
            _given.CopyTo(_placed.AsSpan());
        else
            Order(packed);
        Words.Write(MemoryMarshal.Cast<uint, float>(_placed));
        Any = _givenAny;
        (_isPlaced, _isWhole) = (true, packed is null);
    }

    private void Order(SequenceLayout packed)
    {
        Array.Clear(_placed);
        for (int b = 0; b < packed.Batch; b++)
        {
            Span<uint> words = _placed.AsSpan(b * Pitch, Pitch);
            _given.AsSpan(packed.Order[b] * Pitch, Pitch).CopyTo(words);
            (int word, uint bit) = Place(packed.Lengths[b]);
            words[word] &= bit - 1;
            words[(word + 1)..].Clear();
        }
    }

    private (int Word, uint Bit) Place(int step)
    {
        int at = FirstBit + _before + step;
        return (at / BitsOfWord, 1u << at % BitsOfWord);
    }
}
