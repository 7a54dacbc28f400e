using System.Runtime.InteropServices;
using Sequor.Native;
using Sequor.VirtualGpu;

namespace Sequor.Replay;

/// <summary>What is wrong with a kernel, on purpose.</summary>
internal enum KernelFaultKind
{
    /// <summary>A bit of what it leaves is another.</summary>
    Different,

    /// <summary>Of what it leaves a float is of another size.</summary>
    Wrong,

    /// <summary>Of what it leaves a bit is another, and each time not the same one.</summary>
    Unsteady,

    /// <summary>It writes beside its memory as well.</summary>
    Stray,

    /// <summary>It loses the context.</summary>
    Lost,

    /// <summary>It never ends.</summary>
    Hang,

    /// <summary>It ends the process.</summary>
    Crash,
}

/// <summary>A kernel of the virtual GPU that goes wrong, so that a test sees it found.</summary>
internal sealed record KernelFault(string Kernel, KernelFaultKind Kind)
{
    /// <summary>As in <c>gelu_gradient=lost</c>.</summary>
    public const string Variable = "SEQUOR_VIRTUAL_FAULT";

    /// <summary>The fault that the environment asks for; null for none.</summary>
    public static KernelFault? FromEnvironment()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } text)
            return null;
        string[] parts = text.Split('=');
        return parts.Length == 2 && Enum.TryParse(parts[1], true, out KernelFaultKind kind)
            ? new KernelFault(parts[0], kind)
            : throw new UsageException(
                $"{Variable} is '{text}', and not KERNEL={string.Join('|', Enum.GetNames<KernelFaultKind>())}"
            );
    }
}

/// <summary>The virtual GPU's engine, one kernel of which goes wrong.</summary>
internal sealed class FaultyEngine(IKernelEngine engine, KernelFault fault) : IKernelEngine
{
    public CUresult Load(
        VirtualDevice device,
        ReadOnlySpan<byte> image,
        out IKernelModule? module,
        out string log
    )
    {
        CUresult result = engine.Load(device, image, out module, out log);
        if (module is { } code)
            module = new Module(code, fault);
        return result;
    }

    private sealed class Module(IKernelModule module, KernelFault fault) : IKernelModule
    {
        public int Architecture => module.Architecture;

        public IEnumerable<string> Globals => module.Globals;

        public IKernel? Kernel(string name) =>
            module.Kernel(name) is { } kernel
                ? name == fault.Kernel
                    ? new FaultyKernel(kernel, fault.Kind)
                    : kernel
                : null;

        public byte[]? Global(string name) => module.Global(name);

        public void Place(string name, nint address) => module.Place(name, address);
    }

    private sealed class FaultyKernel(IKernel kernel, KernelFaultKind kind) : IKernel
    {
        public string Name => kernel.Name;

        public IReadOnlyList<int> ParameterSizes => kernel.ParameterSizes;

        public int RegistersPerThread => kernel.RegistersPerThread;

        public int StaticSharedMemory => kernel.StaticSharedMemory;

        public int MaxThreadsPerBlock => kernel.MaxThreadsPerBlock;

        public void Run(VirtualDevice device, KernelLaunch launch)
        {
            switch (kind)
            {
                case KernelFaultKind.Lost:
                    throw new VirtualFaultException(
                        new VirtualFault(FaultKind.OutOfBounds, Name, "the launch", 0, "on purpose")
                    );
                case KernelFaultKind.Hang:
                    Thread.Sleep(Timeout.Infinite);
                    break;
                case KernelFaultKind.Crash:
                    Environment.Exit(134);
                    break;
            }
            byte[][] before = [.. device.Memory.Live.Select(Content)];
            kernel.Run(device, launch);
            switch (kind)
            {
                case KernelFaultKind.Different:
                    FlipFirstChange(device, before, 1);
                    break;
                case KernelFaultKind.Wrong:
                    // The largest bit of a float's exponent.
                    FlipFirstChange(device, before, 1 << 30);
                    break;
                case KernelFaultKind.Unsteady:
                    FlipFirstChange(device, before, 1u << Random.Shared.Next(16));
                    break;
                default:
                    WriteBeside(device);
                    break;
            }
        }

        private static unsafe byte[] Content(DeviceAllocation allocation) =>
            new ReadOnlySpan<byte>(allocation.Data, (int)allocation.Bytes).ToArray();

        // Of the first word that was changed.
        private static unsafe void FlipFirstChange(VirtualDevice device, byte[][] before, uint bits)
        {
            foreach ((DeviceAllocation memory, byte[] old) in device.Memory.Live.Zip(before))
            {
                var words = new Span<uint>(memory.Data, old.Length / sizeof(uint));
                int at = words.CommonPrefixLength(
                    MemoryMarshal.Cast<byte, uint>(old)[..words.Length]
                );
                if (at == words.Length)
                    continue;
                words[at] ^= bits;
                return;
            }
        }

        // The memory of a launch begins with a gap, which none has to touch.
        private static unsafe void WriteBeside(VirtualDevice device)
        {
            DeviceAllocation memory = device.Memory.Live.First();
            memory.Data[0] ^= 1;
        }
    }
}
