using System.Diagnostics;
using Sequor.Interop;

namespace Sequor.Workloads;

/// <summary>
/// Asks NVML for a GPU's state again and again, on a thread of its own, while something is measured. It allocates nothing between start
/// and stop, and never fills: when it has no more room it keeps half of its samples and takes half as many.
/// </summary>
/// <remarks>Two samples that become one have the first's values, the lower clock, and what slowed the GPU in either.</remarks>
public sealed class GpuSampler : IDisposable
{
    /// <summary>The time between two samples, at first.</summary>
    public static readonly TimeSpan DefaultPeriod = TimeSpan.FromMilliseconds(50);

    private readonly NvmlDevice _device;
    private readonly NvmlState[] _samples;
    private readonly ManualResetEvent _end = new(initialState: false);
    private TimeSpan _period;
    private bool _disposed;
    private Thread? _thread;
    private int _count;

    /// <summary>Prepares it.</summary>
    /// <param name="device">The device, which must outlive the sampler.</param>
    /// <param name="period">The time between two samples, at first; null for <see cref="DefaultPeriod"/>. At least a millisecond.</param>
    /// <param name="capacity">Most samples, at least 2.</param>
    public GpuSampler(NvmlDevice device, TimeSpan? period = null, int capacity = 1 << 14)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 2);
        _period = period ?? DefaultPeriod;
        ArgumentOutOfRangeException.ThrowIfLessThan(
            _period,
            TimeSpan.FromMilliseconds(1),
            nameof(period)
        );
        _device = device;
        _samples = new NvmlState[capacity];
    }

    /// <summary>The time between two samples by now.</summary>
    public TimeSpan Period => _period;

    /// <summary>What was sampled, in order; complete once it is stopped.</summary>
    public ReadOnlySpan<NvmlState> Samples => _samples.AsSpan(0, Volatile.Read(ref _count));

    /// <summary>Takes a sample, and others from then on. It can be started once.</summary>
    /// <exception cref="InvalidOperationException">It was started before.</exception>
    public void Start()
    {
        if (_thread is not null)
            throw new InvalidOperationException("A sampler can be started once.");
        Add(_device.Read());
        _thread = new Thread(Sample) { IsBackground = true, Name = "Sequor NVML" };
        _thread.Start();
    }

    /// <summary>Ends it; what was sampled stays. A second call does nothing.</summary>
    public void Stop()
    {
        if (_disposed)
            return;
        _end.Set();
        _thread?.Join();
    }

    /// <summary>Ends it; a second call does nothing.</summary>
    public void Dispose()
    {
        Stop();
        _disposed = true;
        _end.Dispose();
    }

    // The period is kept from sample to sample, and not from the end of one to the begin of the next.
    private void Sample()
    {
        long next = Stopwatch.GetTimestamp();
        while (true)
        {
            next += (long)(_period.TotalSeconds * Stopwatch.Frequency);
            long now = Stopwatch.GetTimestamp();
            if (now > next)
                next = now;
            if (_end.WaitOne((int)((next - now) * 1000 / Stopwatch.Frequency)))
                return;
            Add(_device.Read());
        }
    }

    private void Add(in NvmlState sample)
    {
        if (_count == _samples.Length)
            Halve();
        _samples[_count] = sample;
        Volatile.Write(ref _count, _count + 1);
    }

    private void Halve()
    {
        int kept = 0;
        for (int i = 0; i < _count; i += 2)
        {
            NvmlState first = _samples[i];
            if (i + 1 < _count)
            {
                NvmlState second = _samples[i + 1];
                first = first with
                {
                    SmClock = second.SmClock < first.SmClock ? second.SmClock : first.SmClock,
                    Reasons = first.Reasons | second.Reasons,
                };
            }
            _samples[kept++] = first;
        }
        _count = kept;
        _period *= 2;
    }
}
