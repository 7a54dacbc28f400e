using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// Pieces of music in which each frame is to be foretold from those before it: inputs are frames 1 to T - 1 of a piece,
/// targets its frames 2 to T.
/// </summary>
public sealed class MusicPieces : Dataset
{
    private readonly byte[][] _pieces;

    internal MusicPieces(string name, byte[][] pieces)
    {
        Name = name;
        _pieces = pieces;
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override int? Count => _pieces.Length;

    /// <summary>Number of pieces.</summary>
    public int Pieces => _pieces.Length;

    /// <summary>Frames of all pieces; one more a piece than steps.</summary>
    public long Frames => TotalSteps + _pieces.Length;

    /// <inheritdoc/>
    public override int InputSize => MusicDataset.Keys;

    /// <inheritdoc/>
    public override int OutputSize => MusicDataset.Keys;

    /// <inheritdoc/>
    public override int TargetSize => MusicDataset.Keys;

    /// <inheritdoc/>
    public override bool OneOutput => false;

    /// <summary>Nats a frame.</summary>
    public override string Metric => "nll";

    /// <inheritdoc/>
    public override bool CanPrepareAhead => true;

    /// <inheritdoc/>
    public override Loss CreateLoss(Plan plan) => new BinaryCrossEntropy(plan);

    /// <inheritdoc/>
    public override int LengthOf(long sequence) => FramesOf((int)sequence) - 1;

    /// <summary>Frames of a piece, at least 2.</summary>
    public int FramesOf(int piece) => _pieces[piece].Length / MusicDataset.Keys;

    /// <summary>A frame: 1 for each key that sounds, 0 for the others.</summary>
    public ReadOnlySpan<byte> Frame(int piece, int frame) =>
        _pieces[piece].AsSpan(frame * MusicDataset.Keys, MusicDataset.Keys);

    /// <inheritdoc/>
    public override void Fill(SequenceBatch batch, int b, long sequence)
    {
        ArgumentNullException.ThrowIfNull(batch);
        int piece = (int)sequence;
        int steps = LengthOf(piece);
        for (int t = 0; t < steps; t++)
        {
            Span<float> input = batch.Input(t, b);
            Widen(Frame(piece, t), input);
            if (t > 0)
                input.CopyTo(batch.Target(t - 1, b));
        }
        Widen(Frame(piece, steps), batch.Target(steps - 1, b));
    }

    private static void Widen(ReadOnlySpan<byte> frame, Span<float> values)
    {
        for (int key = 0; key < frame.Length; key++)
            values[key] = frame[key];
    }
}
