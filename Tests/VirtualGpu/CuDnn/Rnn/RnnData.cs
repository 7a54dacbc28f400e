using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>A batch of sequences, as an RNN data descriptor describes it.</summary>
internal sealed class RnnData
{
    private readonly long[] _firstRow;

    public RnnData(
        cudnnDataType_t type,
        cudnnRNNDataLayout_t layout,
        int maxLength,
        int batch,
        int width,
        int[] lengths,
        float? fill
    )
    {
        (Type, Layout, MaxLength, Batch, Width) = (type, layout, maxLength, batch, width);
        (Lengths, Fill) = (lengths, fill);
        _firstRow = new long[maxLength + 1];
        for (int t = 0; t < maxLength; t++)
            _firstRow[t + 1] = _firstRow[t] + lengths.Count(length => length > t);
    }

    public cudnnDataType_t Type { get; }
    public cudnnRNNDataLayout_t Layout { get; }

    /// <summary>T</summary>
    public int MaxLength { get; }

    /// <summary>B</summary>
    public int Batch { get; }

    /// <summary>Width of a step.</summary>
    public int Width { get; }

    /// <summary>Steps of each sequence.</summary>
    public IReadOnlyList<int> Lengths { get; }

    /// <summary>What an output's padding is filled with; null leaves it undefined.</summary>
    public float? Fill { get; }

    public bool Packed => Layout == cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED;

    /// <summary>Whether all sequences are as long as the longest may be.</summary>
    public bool Even => Lengths.All(length => length == MaxLength);

    /// <summary>Elements in memory, padding among them.</summary>
    public long Count => (Packed ? _firstRow[MaxLength] : (long)MaxLength * Batch) * Width;

    /// <summary>Where a step lies, in elements; the step must be there.</summary>
    public long Offset(int t, int b) =>
        Layout switch
        {
            cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED => _firstRow[t] + b,
            cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED => (long)b * MaxLength
                + t,
            _ => (long)t * Batch + b,
        } * Width;

    /// <summary>Whether two batches have the same layout, lengths and type.</summary>
    public bool SameSequences(RnnData other) =>
        Type == other.Type
        && Layout == other.Layout
        && MaxLength == other.MaxLength
        && Lengths.SequenceEqual(other.Lengths);

    /// <summary>The steps that are there, as [T, B, width]; zeros elsewhere. Padding is not read.</summary>
    public double[] Read(DeviceMemory memory, nint address, string call, string argument)
    {
        double[] dense = new double[(long)MaxLength * Batch * Width];
        if (Even && Layout != cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED)
        {
            Widen(memory.Read<float>(address, Count, call, argument), dense);
            return dense;
        }
        foreach ((int t, int b) in Steps())
        {
            nint at = address + (nint)(Offset(t, b) * sizeof(float));
            Span<double> row = dense.AsSpan((t * Batch + b) * Width, Width);
            Widen(memory.Read<float>(at, Width, call, argument), row);
        }
        return dense;
    }

    /// <summary>Writes the steps that are there, and the padding if there is a fill for it.</summary>
    public void Write(
        DeviceMemory memory,
        nint address,
        double[] dense,
        string call,
        string argument
    )
    {
        foreach ((int t, int b) in Steps())
        {
            nint at = address + (nint)(Offset(t, b) * sizeof(float));
            ReadOnlySpan<double> row = dense.AsSpan((t * Batch + b) * Width, Width);
            Narrow(row, memory.Write<float>(at, Width, call, argument));
        }
        if (Fill is not { } fill || Packed)
            return;
        for (int b = 0; b < Batch; b++)
        for (int t = Lengths[b]; t < MaxLength; t++)
        {
            nint at = address + (nint)(Offset(t, b) * sizeof(float));
            memory.Write<float>(at, Width, call, argument).Fill(fill);
        }
    }

    private IEnumerable<(int T, int B)> Steps()
    {
        for (int b = 0; b < Batch; b++)
        for (int t = 0; t < Lengths[b]; t++)
            yield return (t, b);
    }

    public static void Widen(ReadOnlySpan<float> from, Span<double> to)
    {
        for (int i = 0; i < from.Length; i++)
            to[i] = from[i];
    }

    public static void Narrow(ReadOnlySpan<double> from, Span<float> to)
    {
        for (int i = 0; i < from.Length; i++)
            to[i] = (float)from[i];
    }
}
