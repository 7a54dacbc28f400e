using System.Runtime.InteropServices;
using System.Text;
using ManagedCuda.BasicTypes;
using ManagedCuda.VectorTypes;
using static ManagedCuda.DoubleDriver;

namespace ManagedCuda;

/// <summary>A kernel of a module.</summary>
public unsafe class CudaKernel
{
    private readonly CUmodule _module;
    private readonly CUfunction _function;

    public CudaKernel(string kernelName, CUmodule module)
    {
        KernelName = kernelName;
        _module = module;
        Sequor.Native.CUfunction function;
        fixed (byte* name = Encoding.UTF8.GetBytes(kernelName + '\0'))
            Check(Driver.cuModuleGetFunction(&function, new(module.Pointer), name));
        _function.Pointer = function.Value;
    }

    public string KernelName { get; }

    public CUmodule CUModule => _module;

    public CUfunction CUFunction => _function;

    public dim3 BlockDimensions { get; set; }

    public dim3 GridDimensions { get; set; }

    public virtual void RunAsync(CUstream stream, params object[] parameters)
    {
        GCHandle[] pinned = Array.ConvertAll(
            parameters,
            p => GCHandle.Alloc(p, GCHandleType.Pinned)
        );
        void** addresses = stackalloc void*[parameters.Length];
        for (int i = 0; i < pinned.Length; i++)
            addresses[i] = (void*)pinned[i].AddrOfPinnedObject();
        dim3 grid = GridDimensions;
        dim3 block = BlockDimensions;
        Check(
            Driver.cuLaunchKernel(
                new(_function.Pointer),
                grid.x,
                grid.y,
                grid.z,
                block.x,
                block.y,
                block.z,
                0,
                new(stream.Pointer),
                addresses,
                null
            )
        );
        Array.ForEach(pinned, p => p.Free());
    }
}
