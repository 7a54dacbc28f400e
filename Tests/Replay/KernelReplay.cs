using Sequor.Interop;
using Sequor.Native.Kernels;
using Sequor.VirtualGpu.Recording;

namespace Sequor.Replay;

/// <summary>Launches recorded kernels in a context, and compares what they leave.</summary>
internal sealed class KernelReplay : IDisposable
{
    private readonly Dictionary<string, CudaModule> _modules = new(StringComparer.Ordinal);
    private readonly Recording _recording;
    private readonly CudaContext _context;
    private readonly CudaStream _stream;
    private readonly DeviceBuffer<uint> _memory;

    public KernelReplay(CudaContext context, Recording recording)
    {
        _context = context;
        _recording = recording;
        _stream = context.CreateStream();
        _memory = context.Allocate<uint>(
            recording.Launches.Max(l => new LaunchImage(l).Words),
            "replay"
        );
    }

    /// <summary>Repeats all launches of a kernel. What fails is in the result; the context may be lost then.</summary>
    public KernelResult Run(string kernel)
    {
        var comparison = new LaunchComparison();
        int launches = 0;
        try
        {
            CudaKernel code = Module(KernelImages.ModuleOf(kernel)).Kernel(kernel);
            foreach (RecordedLaunch launch in _recording.Launches.Where(l => l.Kernel == kernel))
            {
                if (!code.TryDynamicSharedBytes(launch.DynamicSharedMemory, out string? reason))
                    return comparison.Result(kernel, launches) with
                    {
                        Verdict = KernelResult.Unfit,
                        Reason = reason,
                    };
                uint[] after = Launch(code, launch);
                comparison.Add(launch, after);
                launches++;
            }
            return comparison.Result(kernel, launches);
        }
        catch (Exception e)
        {
            return comparison.Result(kernel, launches) with
            {
                Verdict = KernelResult.Failed,
                Reason = e.Message,
            };
        }
    }

    /// <summary>What a launch leaves in its block of memory.</summary>
    private uint[] Launch(CudaKernel kernel, RecordedLaunch launch)
    {
        var image = new LaunchImage(launch);
        DeviceSpan<uint> memory = _memory.Slice(0, image.Words);
        ulong address = (ulong)memory.Handle.Value;
        memory.CopyFrom(image.Before(address), _stream);
        KernelArgument[] arguments = [.. image.Arguments(address).Select(Argument)];
        kernel.Launch(
            _stream,
            new Dim3((int)launch.Grid.X, (int)launch.Grid.Y, (int)launch.Grid.Z),
            new Dim3((int)launch.Block.X, (int)launch.Block.Y, (int)launch.Block.Z),
            launch.DynamicSharedMemory,
            arguments
        );
        return memory.ToArray(_stream);
    }

    private static KernelArgument Argument(byte[] bytes) =>
        bytes.Length switch
        {
            1 => KernelArgument.Of(bytes[0]),
            2 => KernelArgument.Of(BitConverter.ToUInt16(bytes)),
            4 => KernelArgument.Of(BitConverter.ToUInt32(bytes)),
            8 => KernelArgument.Of(BitConverter.ToUInt64(bytes)),
            16 => KernelArgument.Of(BitConverter.ToUInt128(bytes)),
            _ => throw new InvalidOperationException(
                $"an argument of {bytes.Length} bytes; launches take 1, 2, 4, 8 or 16"
            ),
        };

    private CudaModule Module(string name)
    {
        if (!_modules.TryGetValue(name, out CudaModule? module))
            _modules.Add(name, module = _context.LoadModule(KernelImages.Image(name)));
        return module;
    }

    public void Dispose()
    {
        foreach (CudaModule module in _modules.Values)
            module.Dispose();
        _memory.Dispose();
        _stream.Dispose();
    }
}
