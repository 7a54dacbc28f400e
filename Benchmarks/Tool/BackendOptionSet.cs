using System.CommandLine;
using Sequor.Layers;

namespace Sequor.Tool;

/// <summary>The options that say where work runs and how, shared by all commands that train.</summary>
internal sealed class BackendOptionSet
{
    private readonly Option<string?> _math = Options.Math();
    private readonly Option<string?> _convolution = Options.Convolution();
    private readonly Option<string?> _graph = Options.Graph();
    private readonly Option<string?> _selfCheck = Options.SelfCheck();
    private bool _warned;

    public Option<Device?> Device { get; } = Options.Device();

    public Option<long?> Threads { get; } = Options.Threads();

    /// <summary>Those that say what a GPU computes with; a command that has no other device takes them alone.</summary>
    public IEnumerable<Option> Arithmetic => [_math, _convolution];

    public IEnumerable<Option> All => [Device, Threads, .. Arithmetic, _graph, _selfCheck];

    /// <summary>What they say.</summary>
    public CudaOptions Cuda(ParseResult result) =>
        new()
        {
            Math = result.GetValue(_math) == "tf32" ? FloatMath.Tf32 : FloatMath.Fp32,
            Convolution =
                result.GetValue(_convolution) == "cudnn"
                    ? ConvolutionMethod.CuDnn
                    : ConvolutionMethod.ShiftedProducts,
        };

    /// <summary>The backend that is asked for.</summary>
    /// <param name="result">The command line.</param>
    /// <param name="threads">Threads of the CPU where the command line has none; null for all cores.</param>
    /// <exception cref="DeviceUnavailableException">The device is not there.</exception>
    /// <exception cref="UsageException">What only a GPU has is asked of a CPU, or the other way round.</exception>
    public Backend Create(ParseResult result, int? threads = null)
    {
        Device device = result.GetValue(Device) ?? default;
        if (device.IsCuda && result.GetValue(Threads) is { } count)
            throw new UsageException(
                $"{Threads.Name} {count} is for a CPU, and the device is {device}"
            );
        CpuOptions? cpu = device.IsCuda
            ? null
            : new CpuOptions { Threads = (int)(result.GetValue(Threads) ?? threads ?? 0) };
        CudaOptions? cuda = device.IsCpu
            ? null
            : Cuda(result) with
            {
                Graphs = result.GetValue(_graph) != "off",
                SelfCheck = result.GetValue(_selfCheck) switch
                {
                    "always" => SelfCheckMode.Always,
                    "off" => SelfCheckMode.Never,
                    _ => SelfCheckMode.WhenNew,
                },
            };
        var backend = Backend.Create(device, cpu, cuda);
        if (backend.Info.Warning is { } warning && !_warned)
        {
            // A sweep makes one backend after another.
            _warned = true;
            Screen.Tell($"sequor: warning: {warning}");
        }
        // A check that may find no GPU is no option that a CPU would have to refuse.
        if (backend.Info.Device != "cpu")
            return backend;
        foreach (Option<string?> option in (Option<string?>[])[_math, _convolution, _graph])
        {
            if (result.GetValue(option) is not { } value)
                continue;
            backend.Dispose();
            throw new UsageException(
                $"{option.Name} {value} is for a GPU, and the device is {backend.Info.Device} ({backend.Info.Reason})"
            );
        }
        return backend;
    }
}
