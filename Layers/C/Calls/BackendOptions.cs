using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;

namespace Sequor.C;

/// <summary>Reads the options of backends, and makes one on a caller's context and stream.</summary>
internal static unsafe class BackendOptions
{
    /// <summary>The options of a CPU; null for all defaults.</summary>
    public static CpuOptions Cpu(CpuOptionsStruct* options)
    {
        CpuOptionsStruct read = Structs.Read(options, "sequor_cpu_options");
        return new CpuOptions
        {
            Threads = read.Threads,
            VectorBits = read.VectorBits,
            Nvtx = !Input.Flag(read.NoNvtx, "no_nvtx"),
        };
    }

    /// <summary>The options of a GPU; null for all defaults.</summary>
    public static CudaOptions Cuda(CudaOptionsStruct* options)
    {
        CudaOptionsStruct read = Structs.Read(options, "sequor_cuda_options");
        Input.RequireReserved(read.Reserved);
        var made = new CudaOptions
        {
            Math = (FloatMath)Input.Choice(read.Math, "math", ["fp32", "tf32"]),
            SelfCheck = (SelfCheckMode)
                Input.Choice(read.SelfCheck, "self_check", ["when new", "always", "never"]),
            Graphs = !Input.Flag(read.NoGraphs, "no_graphs"),
            Nvtx = !Input.Flag(read.NoNvtx, "no_nvtx"),
        };
        return read.Autotune is null
            ? made
            : made with
            {
                Autotune = Autotune.Of(Input.Text(read.Autotune, "autotune")),
            };
    }

    /// <summary>A backend on a caller's CUcontext and CUstream, neither of which is ever destroyed.</summary>
    public static HeldBackend Attach(nint context, nint stream, CudaOptions options)
    {
        CudaContext? theirs = null;
        CudaStream? queue = null;
        try
        {
            theirs = CudaContext.Attach(context);
            queue = CudaStream.Attach(theirs, stream);
            return new HeldBackend(new CudaBackend(theirs, queue, options), queue, theirs);
        }
        catch
        {
            queue?.Dispose();
            theirs?.Dispose();
            throw;
        }
    }
}
