using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;

namespace Sequor.Workloads;

/// <summary>What goes on beside the measured steps on a GPU: its state is sampled, and a profiler is told where they begin and end.</summary>
public sealed class GpuWatch : IDisposable
{
    private readonly CudaContext _context;
    private readonly NvmlDevice? _device;
    private readonly string? _missing;
    private readonly GpuSampler? _sampler;
    private readonly bool _tellsProfiler;
    private bool _isProfiled;

    private GpuWatch(CudaContext context, MeasurementOptions options)
    {
        _context = context;
        _tellsProfiler = options.ProfilerRange;
        _device = NvmlDevice.Open(context.Device, out _missing);
        _sampler = _device is null ? null : new GpuSampler(_device, options.SamplePeriod);
    }

    /// <summary>That of a backend; null on a CPU.</summary>
    /// <param name="backend">Where steps run. Where a profiler is told, it must outlive this.</param>
    /// <param name="options">How often to sample, and whether a profiler is told.</param>
    public static GpuWatch? Of(Backend backend, MeasurementOptions options) =>
        backend is CudaBackend gpu
            ? new GpuWatch(gpu.Context, options ?? throw new ArgumentNullException(nameof(options)))
            : null;

    /// <summary>Begins, once all work before is done.</summary>
    public void Begin()
    {
        _sampler?.Start();
        if (!_tellsProfiler)
            return;
        _context.Synchronize();
        _context.StartProfiler();
        _isProfiled = true;
    }

    /// <summary>Ends, once all work is done.</summary>
    public void End()
    {
        _sampler?.Stop();
        if (!_isProfiled)
            return;
        _isProfiled = false;
        _context.Synchronize();
        _context.StopProfiler();
    }

    /// <summary>What it saw during some steps.</summary>
    /// <param name="steps">When each began and ended.</param>
    public GpuConditions Conditions(IEnumerable<(long Begin, long End)> steps) =>
        _device is null || _sampler is null
            ? new GpuConditions { Missing = _missing, Steps = steps.Count() }
            : GpuConditions.Of(_sampler.Samples, steps) with
            {
                Period = _sampler.Period,
                MaxSmClock = _device.MaxSmClock,
                MaxMemoryClock = _device.MaxMemoryClock,
                PowerLimit = _device.PowerLimit,
                Unknown = _device.Unknown,
            };

    /// <summary>Ends the sampling. A second call does nothing.</summary>
    public void Dispose()
    {
        _sampler?.Dispose();
        _device?.Dispose();
    }
}
