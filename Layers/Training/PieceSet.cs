namespace Sequor.Layers;

/// <summary>A finite set of sequences of differing length, its pieces, to be trained on epoch by epoch.</summary>
public abstract class PieceSet
{
    private (long Total, int Shortest, int Longest)? _steps;

    /// <summary>What messages call the set: train, valid.</summary>
    public abstract string Name { get; }

    /// <summary>Number of pieces, at least 1.</summary>
    public abstract int Count { get; }

    /// <summary>Channels of the input.</summary>
    public abstract int InputSize { get; }

    /// <summary>Values of each target: one a channel, or one class.</summary>
    public abstract int TargetSize { get; }

    /// <summary>One target a piece (true), or one a step.</summary>
    public virtual bool OneTarget => false;

    /// <summary>Steps of a piece, at least 1.</summary>
    public abstract int StepsOf(int piece);

    /// <summary>Writes a piece's inputs, <see cref="PieceBatch.Input"/>, and targets, <see cref="PieceBatch.Target"/>.</summary>
    /// <param name="batch">Where to.</param>
    /// <param name="b">Its number in the batch.</param>
    /// <param name="piece">Its number in the set.</param>
    public abstract void Fill(PieceBatch batch, int b, int piece);

    /// <summary>Steps of all pieces.</summary>
    public long TotalSteps => Steps.Total;

    /// <summary>Steps of the shortest piece.</summary>
    public int Shortest => Steps.Shortest;

    /// <summary>Steps of the longest piece.</summary>
    public int Longest => Steps.Longest;

    /// <summary>Raises an error for a set that nothing can be learned from.</summary>
    internal void RequirePieces(string name)
    {
        try
        {
            _ = Steps;
        }
        catch (InvalidOperationException e)
        {
            throw new ArgumentException(e.Message, name, e);
        }
    }

    private (long Total, int Shortest, int Longest) Steps => _steps ??= CountSteps();

    private (long, int, int) CountSteps()
    {
        if (Count < 1)
            throw new InvalidOperationException($"The set '{Name}' has no pieces.");
        long total = 0;
        int shortest = int.MaxValue;
        int longest = 0;
        for (int i = 0; i < Count; i++)
        {
            int steps = StepsOf(i);
            if (steps < 1)
                throw new InvalidOperationException(
                    $"Piece {i + 1} of the set '{Name}' has {Amount.Of(steps, "step")}; at least 1 is needed."
                );
            total += steps;
            shortest = Math.Min(shortest, steps);
            longest = Math.Max(longest, steps);
        }
        return (total, shortest, longest);
    }
}
