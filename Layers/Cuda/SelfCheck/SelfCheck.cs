using System.Diagnostics;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Whether a GPU computes what it should with the driver and the libraries that are here, found out in seconds: products of ones, and
/// training steps of every architecture beside the CPU's. Nobody has met every card; this is how one that nobody has met is
/// trusted.
/// </summary>
internal sealed class SelfCheck
{
    /// <summary>What all checks may take together, without loading.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>What loading may take: a driver may have to compile all kernels, which takes tens of seconds at most.</summary>
    public static readonly TimeSpan LoadLimit = TimeSpan.FromMinutes(3);

    // How often the watching thread looks.
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    // What a device that does not answer may still use: freeing it would wait for the device too.
    private static readonly List<object> Abandoned = [];

    private readonly CudaIdentity _identity;
    private readonly IReadOnlyList<Func<SelfCheckItem>> _items;
    private readonly TimeSpan _limit;
    private readonly TimeSpan _loadLimit;
    private readonly List<CheckResult> _results = [];
    private readonly Stopwatch _load = new();
    private readonly Stopwatch _run = new();
    private readonly Lock _gate = new();
    private string _now = "";
    private bool _givenUp;

    /// <summary>Prepares a check; nothing runs yet.</summary>
    /// <param name="identity">What is checked.</param>
    /// <param name="items">What makes the parts, in the order in which they run.</param>
    /// <param name="limit">What they may take together, without loading.</param>
    /// <param name="loadLimit">What loading may take.</param>
    public SelfCheck(
        CudaIdentity identity,
        IReadOnlyList<Func<SelfCheckItem>> items,
        TimeSpan limit,
        TimeSpan loadLimit
    )
    {
        (_identity, _items, _limit, _loadLimit) = (identity, items, limit, loadLimit);
    }

    /// <summary>Checks a device with streams and memory of its own, beside whatever else works on it.</summary>
    /// <exception cref="CudaException">The device cannot be opened.</exception>
    public static SelfCheckReport Run(CudaDevice device)
    {
        CudaContext context = CudaContext.Primary(device);
        var own = new List<IDisposable> { context };
        var opened = new Dictionary<ProductMath, CudaBackend>();
        var check = new SelfCheck(
            CudaIdentity.Of(device),
            [
                .. Enum.GetValues<ProductMath>()
                    .Select(mode =>
                        (Func<SelfCheckItem>)(() => new ProductsOfOnes(Open(mode), mode))
                    ),
                .. (device.Libraries.CuBlasLt is null ? [] : Enum.GetValues<ProductMath>()).Select(
                    mode => (Func<SelfCheckItem>)(() => new EpiloguesOfOnes(Open(mode), mode))
                ),
                .. SelfCheckModel.All.SelectMany(model =>
                    (Func<SelfCheckItem>[])
                        [
                            () => new TrainingCheck(Open(ProductMath.Default), model, graph: false),
                            () => new TrainingCheck(Open(ProductMath.Default), model, graph: true),
                        ]
                ),
            ],
            Limit,
            LoadLimit
        );
        SelfCheckReport report = check.Run();
        if (!check._givenUp)
            for (int i = own.Count - 1; i >= 0; i--)
                own[i].Dispose();
        else
            Abandoned.Add(own);
        return report;

        // A backend for each mode of products, the first of which does all else too.
        CudaBackend Open(ProductMath mode)
        {
            if (opened.TryGetValue(mode, out CudaBackend? open))
                return open;
            CudaStream stream = context.CreateStream();
            own.Add(stream);
            var backend = new CudaBackend(
                context,
                stream,
                new CudaOptions
                {
                    Math = mode == ProductMath.Tf32 ? FloatMath.Tf32 : FloatMath.Fp32,
                    Products = mode,
                    Autotune = Autotune.Off,
                }
            );
            opened.Add(mode, backend);
            own.Add(backend);
            return backend;
        }
    }

    /// <summary>Runs the parts one after another, and ends when the time is up, even where one of them never does.</summary>
    public SelfCheckReport Run()
    {
        // A thread of its own, since a device that hangs never lets go of the one that waits for it.
        var work = new Thread(RunItems) { IsBackground = true, Name = "Sequor self-check" };
        work.Start();
        while (!work.Join(Look))
        {
            lock (_gate)
            {
                if (TimeIsUp() is not { } reason)
                    continue;
                _givenUp = true;
                Abandoned.Add(this);
                _results.Add(
                    new CheckResult(
                        _now,
                        false,
                        reason,
                        _load.Elapsed.TotalSeconds,
                        _run.Elapsed.TotalSeconds
                    )
                );
                break;
            }
        }
        return new SelfCheckReport(_identity, DateTime.UtcNow, [.. _results]);
    }

    private string? TimeIsUp() =>
        Total(r => r.Seconds) + _run.Elapsed.TotalSeconds > _limit.TotalSeconds
            ? FormattableString.Invariant(
                $"no answer within {_limit.TotalSeconds:0.###} s, which all checks have together"
            )
        : Total(r => r.LoadSeconds) + _load.Elapsed.TotalSeconds > _loadLimit.TotalSeconds
            ? FormattableString.Invariant(
                $"libraries and kernels were not loaded within {_loadLimit.TotalSeconds:0.###} s"
            )
        : null;

    private double Total(Func<CheckResult, double> seconds) => _results.Sum(seconds);

    private void RunItems()
    {
        foreach (Func<SelfCheckItem> make in _items)
            if (!RunItem(make))
                return;
    }

    /// <returns>Whether somebody still waits for the next one.</returns>
    private bool RunItem(Func<SelfCheckItem> make)
    {
        bool passed = false;
        bool lacksMemory = false;
        string detail;
        lock (_gate)
        {
            _now = "opening the device";
            _run.Reset();
            _load.Restart();
        }
        try
        {
            using SelfCheckItem item = make();
            lock (_gate)
                _now = item.Name;
            item.Load();
            lock (_gate)
            {
                _load.Stop();
                _run.Start();
            }
            (passed, detail) = item.Run();
        }
#pragma warning disable CA1031 // whatever it is, the device has not done what it should
        catch (Exception e)
        {
            lacksMemory = IsOfMemory(e);
            detail = $"{e.GetType().Name}: {e.Message}";
        }
#pragma warning restore CA1031
        lock (_gate)
        {
            if (_givenUp)
                return false;
            _load.Stop();
            _run.Stop();
            _results.Add(
                new CheckResult(
                    _now,
                    passed,
                    detail,
                    _load.Elapsed.TotalSeconds,
                    _run.Elapsed.TotalSeconds
                )
                {
                    LacksMemory = lacksMemory,
                }
            );
        }
        return true;
    }

    private static bool IsOfMemory(Exception e) =>
        e
            is DeviceMemoryException
                or CudaException { Status: CUresult.CUDA_ERROR_OUT_OF_MEMORY }
                or CudnnException { Status: cudnnStatus_t.CUDNN_STATUS_ALLOC_FAILED }
                or CublasException { Status: cublasStatus_t.CUBLAS_STATUS_ALLOC_FAILED };
}
