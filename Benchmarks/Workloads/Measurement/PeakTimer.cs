using System.Diagnostics;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Times work on a backend between two marks in its queue.</summary>
internal sealed class PeakTimer(Backend backend) : IDisposable
{
    private const int Least = 3;
    private const int Most = 101;

    private readonly TimeMark _begin = backend.CreateMark();
    private readonly TimeMark _end = backend.CreateMark();

    /// <summary>Seconds that the work takes once.</summary>
    public double Once(Action work)
    {
        _begin.Record();
        work();
        _end.Record();
        return _end.MillisecondsSince(_begin) / 1000;
    }

    /// <summary>
    /// Whether work is large enough to be measured: it takes some time by the device's clock, or more of it would take too long by the
    /// host's, as where a device's clock is none.
    /// </summary>
    /// <param name="work">The work.</param>
    /// <param name="seconds">What it should take on the device.</param>
    /// <param name="growth">How many times longer the next larger work takes.</param>
    /// <param name="limit">What that may take on the host.</param>
    public bool IsEnough(Action work, double seconds, int growth, TimeSpan limit)
    {
        var clock = Stopwatch.StartNew();
        double once = Once(work);
        return once >= seconds || clock.Elapsed * growth > limit;
    }

    /// <summary>
    /// The fewest seconds, of as many repetitions as a time has room for: what else a machine does makes it slower and never faster, and a
    /// peak that a step exceeds is none.
    /// </summary>
    public double Best(Action work, TimeSpan time)
    {
        double best = Once(work);
        var clock = Stopwatch.StartNew();
        for (int i = 1; i < Least || (i < Most && clock.Elapsed < time); i++)
            best = Math.Min(best, Once(work));
        return best;
    }

    /// <summary>
    /// Fills a tensor with numbers between -1 and 1. With equal ones a processor would draw less power, and might run faster than it
    /// does with those of a model.
    /// </summary>
    public void Draw(Tensor tensor)
    {
        var values = new float[Math.Min(1 << 16, tensor.Count)];
        var random = new Philox(seed: 1, stream: 0);
        for (int i = 0; i < values.Length; i++)
            values[i] = (2 * random.NextFloat()) - 1;
        backend.Upload(values, Part(tensor, 0, values.Length));
        // What is there is copied behind itself until the tensor is full.
        for (long done = values.Length; done < tensor.Count; done *= 2)
        {
            long count = Math.Min(done, tensor.Count - done);
            backend.Copy(Part(tensor, 0, count), Part(tensor, done, count));
        }
    }

    private static Tensor Part(Tensor tensor, long first, long count) =>
        new(tensor.Storage, tensor.Offset + first, new Shape(checked((int)count)));

    public void Dispose()
    {
        _begin.Dispose();
        _end.Dispose();
    }
}
