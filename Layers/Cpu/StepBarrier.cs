namespace Sequor.Layers.Cpu;

/// <summary>
/// Where the parts of a job wait for each other, again and again, without allocating. Whoever waits spins as long as others are expected in
/// microseconds, then lets other threads run: a machine may have fewer cores than there are parts.
/// </summary>
/// <param name="parts">How many wait, each on a thread of its own.</param>
internal sealed class StepBarrier(int parts)
{
    private const int Spins = 4_000;

    private int _arrived;
    private int _round;
    private bool _broken;

    public int Parts => parts;

    /// <summary>Makes it whole again, once no part is running.</summary>
    public void Reset() => (_arrived, _broken) = (0, false);

    /// <summary>Ends the waiting of all parts with an exception, as one of them will not come.</summary>
    public void Break() => Volatile.Write(ref _broken, true);

    /// <summary>Returns when all parts have come here. What each wrote before, all others see.</summary>
    /// <exception cref="BrokenException">Another part has failed, and tells why itself.</exception>
    public void Wait()
    {
        if (parts == 1)
            return;
        int round = Volatile.Read(ref _round);
        if (Interlocked.Increment(ref _arrived) == parts)
        {
            _arrived = 0;
            Interlocked.Exchange(ref _round, round + 1);
            return;
        }
        for (int spins = 0; Volatile.Read(ref _round) == round; spins++)
        {
            if (Volatile.Read(ref _broken))
                throw new BrokenException();
            if (spins < Spins)
                Thread.SpinWait(4);
            else
                Thread.Yield();
        }
    }

    /// <summary>Ends a part of a job in which another part has failed.</summary>
    public sealed class BrokenException() : Exception("Another part of the job has failed.");
}
