using System.CommandLine;
using System.Globalization;
using Sequor.Layers;

namespace Sequor.Tool;

/// <summary>The options that say where work runs and how, shared by all commands that train.</summary>
internal sealed class BackendOptionSet
{
    private static readonly Dictionary<string, RecurrentMethod> Recurrent = new()
    {
        ["standard"] = RecurrentMethod.Standard,
        ["small-h"] = RecurrentMethod.SmallH,
        ["persist"] = RecurrentMethod.Persist,
        ["dynamic"] = RecurrentMethod.Dynamic,
        ["own"] = RecurrentMethod.Own,
    };

    private static readonly Dictionary<string, ConvolutionMethod> Convolutions = new()
    {
        ["products"] = ConvolutionMethod.ShiftedProducts,
        ["cudnn"] = ConvolutionMethod.CuDnn,
    };

    private static readonly Dictionary<string, ProductMath> Products = new()
    {
        ["default"] = ProductMath.Default,
        ["pedantic"] = ProductMath.Pedantic,
        ["tf32"] = ProductMath.Tf32,
    };

    private static readonly Dictionary<string, ScanMethod> Scans = new()
    {
        ["wide"] = ScanMethod.Wide,
        ["tiles-64"] = ScanMethod.Tiles64,
        ["tiles-128"] = ScanMethod.Tiles128,
        ["tiles-256"] = ScanMethod.Tiles256,
    };

    private static readonly Dictionary<string, ProductEpilogue> Epilogues = new()
    {
        ["kernels"] = ProductEpilogue.Kernels,
        ["library"] = ProductEpilogue.Library,
    };

    private readonly Option<string?> _vectorBits = Options.VectorBits();
    private readonly Option<string?> _math = Options.Math();
    private readonly Option<string?> _convolution = Options.Convolution();
    private readonly Option<string?> _graph = Options.Graph();
    private readonly Option<string?> _uploadStream = Options.UploadStream();
    private readonly Option<string?> _selfCheck = Options.SelfCheck();
    private readonly Option<string?> _autotune = Options.Autotune();

    private readonly Option<IReadOnlyDictionary<string, string>?> _choice = Options.Forced(
        new Dictionary<string, string[]>
        {
            ["recurrent"] = [.. Recurrent.Keys],
            ["convolution"] = [.. Convolutions.Keys],
            ["math"] = [.. Products.Keys],
            ["epilogue"] = [.. Epilogues.Keys],
            ["scan"] = [.. Scans.Keys],
        }
    );

    private bool _warned;

    public Option<Device?> Device { get; } = Options.Device();

    public Option<long?> Threads { get; } = Options.Threads();

    /// <summary>Those that say what a GPU computes with; a command that has no other device takes them alone.</summary>
    public IEnumerable<Option> Arithmetic => [_math, _convolution, _choice];

    public IEnumerable<Option> All =>
        [Device, Threads, _vectorBits, .. Arithmetic, _autotune, _graph, _uploadStream, _selfCheck];

    /// <summary>Given a line of what the backends tell; what is set later holds for backends that are there already.</summary>
    public Action<string> Tell { get; set; } = line => Screen.Tell($"note: {line}");

    /// <summary>The backend that is asked for.</summary>
    /// <param name="result">The command line.</param>
    /// <param name="threads">Threads of the CPU where the command line has none; null for all cores.</param>
    /// <exception cref="DeviceUnavailableException">The device is not there.</exception>
    /// <exception cref="UsageException">What only a GPU has is asked of a CPU, or the other way round.</exception>
    public Backend Create(ParseResult result, int? threads = null)
    {
        Device device = result.GetValue(Device) ?? default;
        if (device.IsCuda)
            RequireNone(result, device, Threads, _vectorBits);
        CpuOptions? cpu = device.IsCuda
            ? null
            : new CpuOptions
            {
                Threads = (int)(result.GetValue(Threads) ?? threads ?? 0),
                VectorBits = result.GetValue(_vectorBits) is { } bits
                    ? int.Parse(bits, CultureInfo.InvariantCulture)
                    : 0,
            };
        CudaOptions? cuda = device.IsCpu
            ? null
            : Cuda(result) with
            {
                Graphs = result.GetValue(_graph) != "off",
                UploadStream = result.GetValue(_uploadStream) != "off",
                Autotune = result.GetValue(_autotune) is { } autotune
                    ? Autotune.Of(autotune)
                    : Autotune.Default,
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
        Option[] ofGpu = [_math, _convolution, _choice, _autotune, _graph, _uploadStream];
        foreach (Option option in ofGpu)
        {
            if (result.GetResult(option) is not { Implicit: false } given)
                continue;
            backend.Dispose();
            throw new UsageException(
                $"{option.Name} {given.Tokens[0].Value} is for a GPU, and the device is {backend.Info.Device} ({backend.Info.Reason})"
            );
        }
        return backend;
    }

    /// <summary>What the options of <see cref="Arithmetic"/> say.</summary>
    /// <exception cref="UsageException">They contradict each other.</exception>
    public CudaOptions Cuda(ParseResult result)
    {
        FloatMath math = result.GetValue(_math) == "tf32" ? FloatMath.Tf32 : FloatMath.Fp32;
        IReadOnlyDictionary<string, string> forced =
            result.GetValue(_choice) ?? new Dictionary<string, string>();
        ProductMath? products = Of(forced, "math", Products);
        if (products == ProductMath.Tf32 && math != FloatMath.Tf32)
            throw new UsageException($"{_choice.Name} math=tf32 needs {_math.Name} tf32");
        string? convolution = result.GetValue(_convolution);
        if (convolution is not null && forced.ContainsKey("convolution"))
            throw new UsageException(
                $"{_choice.Name} convolution=... and {_convolution.Name} say the same: one of them is enough"
            );
        return new CudaOptions
        {
            Math = math,
            Recurrent = Of(forced, "recurrent", Recurrent),
            Convolution = convolution is not null
                ? Convolutions[convolution]
                : Of(forced, "convolution", Convolutions),
            Products = products,
            Epilogue = Of(forced, "epilogue", Epilogues),
            Scan = Of(forced, "scan", Scans),
            Tell = line => Tell(line),
        };
    }

    private static void RequireNone(ParseResult result, Device device, params Option[] ofCpu)
    {
        foreach (Option option in ofCpu)
        {
            if (result.GetResult(option) is { Implicit: false } given)
                throw new UsageException(
                    $"{option.Name} {given.Tokens[0].Value} is for a CPU, and the device is {device}"
                );
        }
    }

    private static T? Of<T>(
        IReadOnlyDictionary<string, string> forced,
        string kind,
        Dictionary<string, T> ways
    )
        where T : struct => forced.TryGetValue(kind, out string? way) ? ways[way] : null;
}
