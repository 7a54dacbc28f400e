using System.Diagnostics.CodeAnalysis;
using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// A descriptor of cuDNN's graph API, of any kind. Its attributes are set, then it is finalized, and after that attributes may be read. The
/// caller must keep the descriptors and memory that it refers to.
/// </summary>
public sealed unsafe class BackendDescriptor : CuDnnDescriptor
{
    private readonly cudnnBackendDescriptor_t _handle;

    private BackendDescriptor(
        CudaContext context,
        cudnnBackendDescriptorType_t kind,
        cudnnBackendDescriptor_t handle
    )
        : base(context)
    {
        Kind = kind;
        _handle = handle;
    }

    /// <summary>Makes a descriptor without attributes.</summary>
    public static BackendDescriptor Create(CudaContext context, cudnnBackendDescriptorType_t kind)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.ThrowIfDisposed();
        CuDnn library = context.Libraries.CuDnn;
        using CudaContextScope scope = context.Enter();
        cudnnBackendDescriptor_t handle;
        cudnnStatus_t status = library.cudnnBackendCreateDescriptor(kind, &handle);
        if (status != cudnnStatus_t.CUDNN_STATUS_SUCCESS)
            throw CuDnnStatus.Error(
                context,
                status,
                nameof(library.cudnnBackendCreateDescriptor),
                kind.ToString()
            );
        return new BackendDescriptor(context, kind, handle);
    }

    /// <summary>The kind of thing that it describes.</summary>
    public cudnnBackendDescriptorType_t Kind { get; }

    /// <summary>cuDNN's handle.</summary>
    public cudnnBackendDescriptor_t Handle
    {
        get
        {
            ThrowIfDisposed();
            return _handle;
        }
    }

    /// <summary>Sets an attribute of whole numbers.</summary>
    public BackendDescriptor Set(
        cudnnBackendAttributeName_t name,
        params ReadOnlySpan<long> values
    ) => Set(name, cudnnBackendAttributeType_t.CUDNN_TYPE_INT64, values);

    /// <summary>Sets a boolean attribute.</summary>
    public BackendDescriptor Set(cudnnBackendAttributeName_t name, bool value) =>
        Set(name, cudnnBackendAttributeType_t.CUDNN_TYPE_BOOLEAN, [value ? (byte)1 : (byte)0]);

    /// <summary>Sets an attribute of type float, such as a factor.</summary>
    public BackendDescriptor Set(cudnnBackendAttributeName_t name, float value) =>
        Set(name, cudnnBackendAttributeType_t.CUDNN_TYPE_FLOAT, [value]);

    /// <summary>Sets an attribute that is a type of elements.</summary>
    public BackendDescriptor Set(cudnnBackendAttributeName_t name, cudnnDataType_t value) =>
        Set(name, cudnnBackendAttributeType_t.CUDNN_TYPE_DATA_TYPE, [value]);

    /// <summary>Sets whether a filter is flipped (convolution) or not (cross-correlation).</summary>
    public BackendDescriptor Set(cudnnBackendAttributeName_t name, cudnnConvolutionMode_t value) =>
        Set(name, cudnnBackendAttributeType_t.CUDNN_TYPE_CONVOLUTION_MODE, [value]);

    /// <summary>Sets how engines are proposed.</summary>
    public BackendDescriptor Set(cudnnBackendAttributeName_t name, cudnnBackendHeurMode_t value) =>
        Set(name, cudnnBackendAttributeType_t.CUDNN_TYPE_HEUR_MODE, [value]);

    /// <summary>Sets an attribute that is the library handle.</summary>
    public BackendDescriptor Set(cudnnBackendAttributeName_t name, CuDnnHandle value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return Set(name, cudnnBackendAttributeType_t.CUDNN_TYPE_HANDLE, [value.Handle]);
    }

    /// <summary>Sets an attribute that is another descriptor, which must have been finalized.</summary>
    public BackendDescriptor Set(cudnnBackendAttributeName_t name, BackendDescriptor value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return Set(name, cudnnBackendAttributeType_t.CUDNN_TYPE_BACKEND_DESCRIPTOR, [value.Handle]);
    }

    /// <summary>Sets an attribute of device addresses.</summary>
    internal BackendDescriptor SetAddresses(
        cudnnBackendAttributeName_t name,
        ReadOnlySpan<ulong> values
    ) => Set(name, cudnnBackendAttributeType_t.CUDNN_TYPE_VOID_PTR, values);

    /// <summary>Finalizes the descriptor, which checks its attributes. For a plan, this is where code is loaded or compiled.</summary>
    /// <exception cref="CudnnException">cuDNN refuses; the message has its own words.</exception>
    public BackendDescriptor MakeFinal()
    {
        if (TryMakeFinal(out CudnnException? error))
            return this;
        Context.Spoilt(error);
        throw error;
    }

    /// <summary>Finalizes the descriptor, where a refusal is an expected answer and not an error.</summary>
    public bool TryMakeFinal([NotNullWhen(false)] out CudnnException? error)
    {
        using CudaContextScope scope = Context.Enter();
        cudnnStatus_t status = Library.cudnnBackendFinalize(Handle);
        error =
            status == cudnnStatus_t.CUDNN_STATUS_SUCCESS
                ? null
                : CuDnnStatus.Made(
                    Library,
                    status,
                    nameof(Library.cudnnBackendFinalize),
                    Kind.ToString()
                );
        return error is null;
    }

    /// <summary>The number of elements of an attribute.</summary>
    public int Count(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type)
    {
        using CudaContextScope scope = Context.Enter();
        long count;
        Check(
            Library.cudnnBackendGetAttribute(Handle, name, type, 0, &count, null),
            nameof(Library.cudnnBackendGetAttribute),
            $"{name} of {Kind}"
        );
        return checked((int)count);
    }

    /// <summary>Reads an attribute that is one whole number.</summary>
    public long Number(cudnnBackendAttributeName_t name)
    {
        Span<long> value = stackalloc long[1];
        int count = Get(name, cudnnBackendAttributeType_t.CUDNN_TYPE_INT64, value);
        return count == 1
            ? value[0]
            : throw new InvalidOperationException($"{name} of {Kind} has {count} values, not 1.");
    }

    /// <summary>Reads the elements of an attribute.</summary>
    /// <param name="name">The attribute.</param>
    /// <param name="type">The type of its elements.</param>
    /// <param name="values">Gets the elements; for descriptors it must hold descriptors made before, which are filled in.</param>
    /// <returns>The number of elements.</returns>
    internal int Get<T>(
        cudnnBackendAttributeName_t name,
        cudnnBackendAttributeType_t type,
        Span<T> values
    )
        where T : unmanaged
    {
        using CudaContextScope scope = Context.Enter();
        long count;
        fixed (T* first = values)
            Check(
                Library.cudnnBackendGetAttribute(Handle, name, type, values.Length, &count, first),
                nameof(Library.cudnnBackendGetAttribute),
                $"{name} of {Kind}"
            );
        return (int)Math.Min(count, values.Length);
    }

    private protected override void Release() =>
        Park(
            Library.cudnnBackendDestroyDescriptor(_handle),
            nameof(Library.cudnnBackendDestroyDescriptor)
        );

    private BackendDescriptor Set<T>(
        cudnnBackendAttributeName_t name,
        cudnnBackendAttributeType_t type,
        ReadOnlySpan<T> values
    )
        where T : unmanaged
    {
        using CudaContextScope scope = Context.Enter();
        fixed (T* first = values)
            Check(
                Library.cudnnBackendSetAttribute(Handle, name, type, values.Length, first),
                nameof(Library.cudnnBackendSetAttribute),
                $"{name} of {Kind}"
            );
        return this;
    }
}
