using Sequor.Interop;
using Sequor.Layers;
using Sequor.Replay;

namespace Sequor.FirstContact;

/// <summary>What a check works with: the GPU, found when it is first asked for, and programs of the same build.</summary>
internal class CheckContext(bool isVirtual, string folder) : IDisposable
{
    private ReplayDevice? _device;
    private IDisposable? _standIn;

    /// <summary>A dry run: shapes are small, and times mean nothing.</summary>
    public bool IsVirtual => isVirtual;

    /// <summary>Where results go.</summary>
    public string Folder => folder;

    /// <summary>The libraries; all that makes a backend in this process uses them.</summary>
    public CudaLibraries Libraries
    {
        get
        {
            if (_device is null)
            {
                _device = ReplayDevice.Find(isVirtual);
                _standIn = CudaLibraries.StandIn(_device.Libraries);
            }
            return _device.Libraries;
        }
    }

    /// <summary>A backend on the GPU, the caller's to dispose.</summary>
    public Backend CreateBackend(CudaOptions? options = null)
    {
        _ = Libraries;
        return Backend.Create(Device.Cuda(), null, options);
    }

    /// <summary>Runs this program again, for what needs a process of its own.</summary>
    public FinishedProcess Probe(
        IEnumerable<string> arguments,
        bool emptyEnvironment = false,
        params (string Name, string? Value)[] variables
    ) =>
        OtherProcess.Run(
            Environment.ProcessPath!,
            [.. isVirtual ? new[] { "--virtual" } : [], "--probe", .. arguments],
            emptyEnvironment,
            variables
        );

    /// <summary>Runs the sequor command: the program, or in a dry run this one, where the virtual GPU is.</summary>
    public virtual FinishedProcess Sequor(params string[] arguments) =>
        isVirtual
            ? Probe(["sequor", .. arguments])
            : OtherProcess.Run(SisterProgram.Path("Sequor.Tool", "sequor"), arguments);

    /// <summary>Where a program of PATH is; null where it is not.</summary>
    public virtual string? Find(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, name))
            .FirstOrDefault(File.Exists);

    public void Dispose()
    {
        GC.SuppressFinalize(this);
        _standIn?.Dispose();
        _device?.Dispose();
    }
}
