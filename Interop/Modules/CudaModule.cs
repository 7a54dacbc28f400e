using System.Text;
using Sequor.Native;

namespace Sequor.Interop;

/// <summary>Code on the device: kernels and their global variables.</summary>
public sealed unsafe class CudaModule : CudaObject
{
    private const int LogBytes = 16 * 1024;

    private const string NoCompiler =
        "the driver does not find its compiler of PTX, libnvidia-ptxjitcompiler.so.1 on Linux: it has to lie beside the driver, in a folder that the system's loader knows (LD_LIBRARY_PATH); a container gets it with NVIDIA_DRIVER_CAPABILITIES=compute,utility";

    private readonly CUmodule _handle;

    private readonly CudaModule? _owner;

    private CudaModule(CudaContext context, CUmodule handle, string log, CudaModule? owner = null)
        : base(owner is null ? [context] : [context, owner])
    {
        Context = context;
        _handle = handle;
        Log = log;
        _owner = owner;
    }

    /// <summary>
    /// The same module for another object of its context: what is launched from it is that object's work. It is unloaded after both
    /// were disposed.
    /// </summary>
    /// <param name="context">An object of the context that it was loaded in.</param>
    /// <exception cref="ArgumentException">It is another context.</exception>
    public CudaModule Share(CudaContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        ThrowIfDisposed();
        if (context.Handle != Context.NativeHandle)
            throw new ArgumentException("The module is of another context.", nameof(context));
        return new CudaModule(context, _handle, Log, this);
    }

    /// <inheritdoc cref="CudaContext.LoadModule"/>
    internal static CudaModule Load(CudaContext context, ReadOnlySpan<byte> ptx)
    {
        context.ThrowIfDisposed();
        if (ptx.IsEmpty)
            throw new ArgumentException("There is no PTX.", nameof(ptx));
        byte[] text = ptx[^1] == 0 ? ptx.ToArray() : [.. ptx, 0];
        byte[] errors = new byte[LogBytes];
        byte[] messages = new byte[LogBytes];
        using CudaContextScope scope = context.Enter();
        CUmodule handle;
        CUresult result;
        // Loading may allocate, which would spoil a capture: with this thread in the relaxed mode it leaves captures alone.
        CUstreamCaptureMode? mode = context.Relax();
        fixed (byte* image = text)
        fixed (byte* error = errors)
        fixed (byte* message = messages)
        {
            CUjit_option* options = stackalloc CUjit_option[4]
            {
                CUjit_option.CU_JIT_ERROR_LOG_BUFFER,
                CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES,
                CUjit_option.CU_JIT_INFO_LOG_BUFFER,
                CUjit_option.CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES,
            };
            void** values = stackalloc void*[4]
            {
                error,
                (void*)LogBytes,
                message,
                (void*)LogBytes,
            };
            result = context.Driver.cuModuleLoadDataEx(&handle, image, 4, options, values);
        }
        context.Restore(mode);
        if (result != CUresult.CUDA_SUCCESS)
        {
            string said = Text(errors);
            throw context.Error(
                result,
                nameof(CudaDriver.cuModuleLoadDataEx),
                said.Length > 0 ? said
                    : result == CUresult.CUDA_ERROR_JIT_COMPILER_NOT_FOUND ? NoCompiler
                    : $"{ptx.Length} bytes of PTX for {context.Device}"
            );
        }
        return new CudaModule(context, handle, Text(messages));
    }

    /// <summary>Its context.</summary>
    public CudaContext Context { get; }

    /// <summary>What the compiler said, such as registers a kernel; may be empty.</summary>
    public string Log { get; }

    /// <summary>The driver's handle.</summary>
    public CUmodule Handle
    {
        get
        {
            ThrowIfDisposed();
            return _handle;
        }
    }

    /// <summary>A kernel by its name in the PTX.</summary>
    /// <exception cref="CudaException">There is none of the name.</exception>
    public CudaKernel Kernel(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        using CudaContextScope scope = Context.Enter();
        CUfunction function;
        CUresult result;
        fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0'))
            result = Context.Driver.cuModuleGetFunction(&function, Handle, text);
        if (result != CUresult.CUDA_SUCCESS)
            throw Context.Error(
                result,
                nameof(CudaDriver.cuModuleGetFunction),
                $"there is no kernel {name} in the module"
            );
        return new CudaKernel(this, function, name);
    }

    private protected override CudaContext Home => Context;

    private protected override void Release()
    {
        if (_owner is null)
            Context.Park(Context.Driver.cuModuleUnload(_handle), nameof(CudaDriver.cuModuleUnload));
    }

    private static string Text(byte[] zeroTerminated)
    {
        int end = Array.IndexOf(zeroTerminated, (byte)0);
        return Encoding
            .UTF8.GetString(zeroTerminated, 0, end < 0 ? zeroTerminated.Length : end)
            .Trim();
    }
}
