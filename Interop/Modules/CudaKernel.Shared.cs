using System.Diagnostics.CodeAnalysis;
using Sequor.Native;

namespace Sequor.Interop;

// A kernel's shared memory: what it has, what it may have, and how much of the multiprocessor's cache is kept for it.
public sealed unsafe partial class CudaKernel
{
    /// <summary>Static shared memory in bytes per block.</summary>
    public int SharedBytes => Attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);

    /// <summary>The most dynamic shared memory with which it may be launched, in bytes per block. Setting it changes that limit.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The device does not have so much.</exception>
    public int MaxDynamicSharedBytes
    {
        get => _dynamicSharedBytes;
        set
        {
            int most = MostDynamicSharedBytes;
            if (value < 0 || value > most)
                throw new ArgumentOutOfRangeException(
                    nameof(value),
                    value,
                    $"{Name} can have 0 to {most} bytes of dynamic shared memory"
                        + $" on {_module.Context.Device}."
                );
            CudaContext context = _module.Context;
            using CudaContextScope scope = context.Enter();
            context.Check(SetDynamicShared(value), nameof(CudaDriver.cuFuncSetAttribute));
            _dynamicSharedBytes = value;
        }
    }

    /// <summary>
    /// How much of a multiprocessor's cache is to be kept for shared memory, in percent of the most that there can be; -1 leaves it to
    /// the driver, which may do otherwise in any case.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below -1 or above 100.</exception>
    public int SharedCarveout
    {
        get => Attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT);
        set
        {
            if (value is < -1 or > 100)
                throw new ArgumentOutOfRangeException(
                    nameof(value),
                    value,
                    $"The part of {Name}'s shared memory is 0 to 100 percent, or -1 for the driver's choice."
                );
            CudaContext context = _module.Context;
            using CudaContextScope scope = context.Enter();
            context.Check(
                context.Driver.cuFuncSetAttribute(
                    Handle,
                    CUfunction_attribute.CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT,
                    value
                ),
                nameof(CudaDriver.cuFuncSetAttribute)
            );
        }
    }

    /// <summary>
    /// Asks for dynamic shared memory with which launches may go, once: where the kernel may have as much already, the driver is not
    /// called. A kernel that does not get it can be left for another way.
    /// </summary>
    /// <param name="bytes">Bytes per block.</param>
    /// <param name="reason">Why the kernel does not get it, as a sentence; null where it does.</param>
    /// <returns>Whether launches may have so much.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public bool TryDynamicSharedBytes(int bytes, [NotNullWhen(false)] out string? reason)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        reason = null;
        if (bytes <= _dynamicSharedBytes)
        {
            _module.ThrowIfDisposed();
            return true;
        }
        CudaContext context = _module.Context;
        int most = MostDynamicSharedBytes;
        string wants = $"{Name} needs {bytes} bytes of dynamic shared memory a block";
        if (bytes > most)
        {
            reason =
                $"{wants}, and {context.Device} has {most} beside the {SharedBytes} of its own.";
            return false;
        }
        using CudaContextScope scope = context.Enter();
        CUresult result = SetDynamicShared(bytes);
        // An error that loses the context is no answer to what was asked.
        if (result is not (CUresult.CUDA_SUCCESS or CUresult.CUDA_ERROR_INVALID_VALUE))
            context.Check(result, nameof(CudaDriver.cuFuncSetAttribute));
        int granted = Attribute(
            CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        );
        _dynamicSharedBytes = granted;
        if (granted >= bytes)
            return true;
        reason =
            $"{wants}, and the driver grants {granted}"
            + (result == CUresult.CUDA_SUCCESS ? "." : $" ({result}).");
        return false;
    }

    private int MostDynamicSharedBytes => _module.Context.Device.SharedBytesPerBlock - SharedBytes;

    private CUresult SetDynamicShared(int bytes) =>
        _module.Context.Driver.cuFuncSetAttribute(
            Handle,
            CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
            bytes
        );
}
