using System.Runtime.InteropServices;
using NUnit.Framework;
using Sequor.Native.Kernels;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>The kernels beside these tests, and their launch.</summary>
internal static class PtxKernels
{
    public static readonly PtxModule Sound = PtxModule.Parse(Text("sound.ptx"));
    public static readonly PtxModule Faulty = PtxModule.Parse(Text("faulty.ptx"));
    public static readonly PtxModule Async = PtxModule.Parse(Text("async.ptx"));

    /// <summary>The names of all instructions of Sequor's own kernels, in order.</summary>
    public static readonly string[] Used =
    [
        .. KernelImages
            .Names.SelectMany(name => new PtxParser(KernelImages.Ptx(name)).Module().Kernels.Values)
            .SelectMany(kernel => kernel.Instructions)
            .Select(instruction => instruction.Name)
            .Distinct()
            .Order(StringComparer.Ordinal),
    ];

    public static string Text(string name)
    {
        using Stream stream =
            typeof(PtxKernels).Assembly.GetManifestResourceStream("ptx/" + name)
            ?? throw new FileNotFoundException($"No embedded resource ptx/{name}.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>The arguments of a kernel, laid out as its parameters are.</summary>
    public static byte[] Arguments(PtxKernel kernel, params object[] values)
    {
        Assert.That(values, Has.Length.EqualTo(kernel.Parameters.Count), "arguments");
        byte[] bytes = new byte[kernel.ParameterBytes];
        for (int i = 0; i < values.Length; i++)
        {
            PtxParameter parameter = kernel.Parameters[i];
            byte[] value = values[i] switch
            {
                ulong v => BitConverter.GetBytes(v),
                uint v => BitConverter.GetBytes(v),
                int v => BitConverter.GetBytes(v),
                float v => BitConverter.GetBytes(v),
                double v => BitConverter.GetBytes(v),
                short v => BitConverter.GetBytes(v),
                byte v => [v],
                byte[] v => v,
                _ => throw new ArgumentException($"No argument can be a {values[i].GetType()}."),
            };
            Assert.That(value, Has.Length.EqualTo(parameter.Bytes), parameter.Name);
            value.CopyTo(bytes, parameter.Offset);
        }
        return bytes;
    }

    public static PtxCounts Run(
        this PtxModule module,
        string name,
        PtxHeap heap,
        uint blocks,
        uint threads,
        ulong seed,
        params object[] values
    ) => module.Run(name, heap, blocks, threads, seed, launch => launch, values);

    public static PtxCounts Run(
        this PtxModule module,
        string name,
        PtxHeap heap,
        uint blocks,
        uint threads,
        ulong seed,
        Func<PtxLaunch, PtxLaunch> options,
        params object[] values
    )
    {
        PtxKernel kernel = module.Kernels[name];
        var launch = new PtxLaunch
        {
            Grid = new(blocks),
            Block = new(threads),
            Arguments = Arguments(kernel, values),
            Memory = heap,
            Seed = seed,
        };
        kernel.Launch(options(launch));
        return launch.Counts;
    }

    /// <summary>Places the variables of a module anew, as loading it does.</summary>
    public static void Load(this PtxModule module, PtxHeap heap)
    {
        foreach (PtxVariable variable in module.Globals)
        {
            byte[] bytes = new byte[variable.Bytes];
            variable.Initial.CopyTo(bytes, 0);
            variable.Address = heap.Put<byte>(bytes);
        }
    }

    public static PtxFault Faults(Action launch) => Assert.Throws<PtxFaultException>(launch)!.Fault;

    public static byte[] BytesOf<T>(T value)
        where T : unmanaged
    {
        byte[] bytes = new byte[Marshal.SizeOf<T>()];
        MemoryMarshal.Write(bytes, value);
        return bytes;
    }
}
