using Sequor.Native;

namespace Sequor.Layers;

/// <summary>
/// Takes tensors of other code in place, and gives tensors to other code in place, by DLPack (dlpack.h, versions 1.0 and 1.1, and the
/// struct before them). PyTorch, CuPy, JAX, numpy and others speak it.
/// </summary>
/// <remarks>
/// Tensors are float32, row-major without gaps, of one to three dimensions. Nothing is copied: what does not fit is refused with what the
/// producer can do about it. docs/dlpack.md has the whole contract.
/// </remarks>
public static unsafe class DlPack
{
    /// <summary>Takes a producer's tensor and uses its memory in place.</summary>
    /// <remarks>
    /// The struct is taken over in any case: its deleter is called once, when the result is given back, or before the exception where the
    /// tensor is refused. Of another major version nothing but the version and the deleter is touched. A scalar, which has no dimensions,
    /// becomes [1].
    /// </remarks>
    /// <param name="backend">The backend that uses it.</param>
    /// <param name="managed">The address of a DLManagedTensor or DLManagedTensorVersioned.</param>
    /// <param name="form">Which of the two it is.</param>
    /// <param name="access">Whether it may be written.</param>
    /// <param name="producerStream">
    /// On a GPU, the producer's stream: 1 for the legacy default stream, 2 for the calling thread's, else its address. Work here then waits
    /// for what is queued there, and that stream for the work here before the memory is given back. Null where the producer has been given
    /// <see cref="StreamOf"/>, and so saw to the first, or where nothing is queued there; giving back then waits on the host. -1 is as null.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The tensor is no tensor here: not float32, of more than three dimensions, with other strides, in memory that the backend cannot use,
    /// read-only where it is to be written, or of another major version of DLPack. Or the stream is none.
    /// </exception>
    /// <exception cref="InvalidOperationException">Another thread is in the backend.</exception>
    /// <exception cref="ObjectDisposedException">The backend was disposed.</exception>
    public static DlPackTensor Import(
        Backend backend,
        nint managed,
        DlPackForm form,
        DlPackAccess access,
        long? producerStream = null
    )
    {
        Require(managed, form);
        var lease = new DlPackLease(managed, form, producerStream);
        try
        {
            ArgumentNullException.ThrowIfNull(backend);
            RequireDefined(access);
            using OwnerScope inside = backend.Enter("DlPack.Import");
            backend.RequireLive();
            return Take(backend, lease, access);
        }
        catch
        {
            lease.End();
            throw;
        }
    }

    /// <summary>Makes a struct that a consumer takes over, with the tensor's memory in place.</summary>
    /// <remarks>
    /// The memory stays until the consumer has called the struct's deleter, which it may do on any thread: if the tensor's owner is
    /// disposed meanwhile, or forgotten, the backend's next call after both frees it. Of a plan's tensor that is the plan's whole block.
    /// The values are those of the tensor at any time: what the plan or the caller writes later is seen by the consumer.
    /// </remarks>
    /// <param name="tensor">A tensor that a backend allocated or <see cref="Import"/> took.</param>
    /// <param name="form">Which struct to make.</param>
    /// <param name="readOnly">Whether the consumer may only read it, which the plain form cannot say.</param>
    /// <param name="stream">
    /// On a GPU, the consumer's stream, which is made to wait for the work queued here: 1 for the legacy default stream, 2 for the calling
    /// thread's, else its address. Null is the legacy default stream, and -1 makes none wait. On a CPU it must be null.
    /// </param>
    /// <returns>The address of a DLManagedTensor or DLManagedTensorVersioned.</returns>
    /// <exception cref="ArgumentException">
    /// The tensor is a view of a caller's pointer (<see cref="Backend.Wrap"/>), whose memory nobody could keep; it is read-only, and the
    /// form is plain; or the stream is none.
    /// </exception>
    /// <exception cref="InvalidOperationException">There is no tensor, another thread is in the backend, or a step is being captured.</exception>
    /// <exception cref="ObjectDisposedException">The tensor's memory or its backend was disposed.</exception>
    public static nint Export(
        Tensor tensor,
        DlPackForm form,
        bool readOnly = false,
        long? stream = null
    )
    {
        RequireForm(form);
        Backend backend = tensor.Backend;
        using OwnerScope inside = backend.Enter("DlPack.Export");
        backend.RequireLive();
        _ = tensor.Address;
        if (!tensor.Storage.CanBeHeld)
            throw new ArgumentException(
                "The tensor is a view of a caller's pointer, whose memory may be freed while the consumer still has it: export it where it was allocated, or copy it to a tensor of the backend first.",
                nameof(tensor)
            );
        readOnly |= tensor.Storage.IsReadOnly;
        if (readOnly && form == DlPackForm.Plain)
            throw new ArgumentException(
                "The plain form of DLPack cannot say that a tensor is read-only: use DlPackForm.Versioned, or copy the tensor.",
                nameof(form)
            );
        backend.LetStreamWait(stream);
        return DlPackExport.Make(tensor, form, readOnly);
    }

    /// <summary>Calls the deleter of a struct that was exported and that no consumer has taken.</summary>
    /// <param name="managed">The address of a DLManagedTensor or DLManagedTensorVersioned.</param>
    /// <param name="form">Which of the two it is.</param>
    /// <exception cref="ArgumentException">The address is null, or there is no such form.</exception>
    public static void Delete(nint managed, DlPackForm form)
    {
        Require(managed, form);
        DlPackLease.Delete(managed, form);
    }

    /// <summary>Where the backend's tensors are, as `__dlpack_device__` tells it.</summary>
    public static (DLDeviceType Type, int Id) DeviceOf(Backend backend)
    {
        ArgumentNullException.ThrowIfNull(backend);
        DLDevice device = backend.MemoryDevice;
        return (device.device_type, device.device_id);
    }

    /// <summary>Where the tensor is, as `__dlpack_device__` tells it.</summary>
    /// <exception cref="InvalidOperationException">There is no tensor.</exception>
    public static (DLDeviceType Type, int Id) DeviceOf(Tensor tensor) => DeviceOf(tensor.Backend);

    /// <summary>
    /// What a producer's `__dlpack__(stream=...)` is given, so that its work is done before work here uses the tensor; null on a CPU.
    /// </summary>
    public static long? StreamOf(Backend backend)
    {
        ArgumentNullException.ThrowIfNull(backend);
        return backend.StreamNumber;
    }

    /// <summary>
    /// Makes work that is queued on a GPU from now on wait for what other code has queued, as before a tensor is written that a consumer
    /// may still read. The calling thread does not wait.
    /// </summary>
    /// <param name="backend">The backend.</param>
    /// <param name="stream">The other stream: 1 for the legacy default stream, 2 for the calling thread's, else its address.</param>
    /// <exception cref="ArgumentException">There is no such stream in the backend's context, or the backend is a CPU.</exception>
    /// <exception cref="InvalidOperationException">Another thread is in the backend, or a step is being captured.</exception>
    public static void WaitFor(Backend backend, long stream)
    {
        ArgumentNullException.ThrowIfNull(backend);
        using OwnerScope inside = backend.Enter("DlPack.WaitFor");
        backend.RequireLive();
        backend.WaitForStream(stream);
    }

    /// <summary>
    /// Makes other code's stream wait for the work that is queued on a GPU so far, as before it reads what a plan computes. The calling
    /// thread does not wait.
    /// </summary>
    /// <inheritdoc cref="WaitFor"/>
    public static void LetWait(Backend backend, long stream)
    {
        ArgumentNullException.ThrowIfNull(backend);
        using OwnerScope inside = backend.Enter("DlPack.LetWait");
        backend.RequireLive();
        backend.LetStreamWait(stream);
    }

    private static DlPackTensor Take(Backend backend, DlPackLease lease, DlPackAccess access)
    {
        DLTensor* tensor = lease.Read(out ulong flags);
        ForeignType.RequireFloat32(tensor->dtype);
        ForeignType.RequireReach(backend, tensor->device);
        if (tensor->ndim < 0 || (tensor->ndim > 0 && tensor->shape == null))
            throw new ArgumentException(
                $"The tensor has {tensor->ndim} dimensions{(tensor->ndim < 0 ? "" : " and no sizes")}: its producer has filled it wrongly."
            );
        Shape shape = ForeignLayout.Require(
            new(tensor->shape, tensor->ndim),
            tensor->strides == null ? [] : new(tensor->strides, tensor->ndim),
            unit: 1
        );
        bool readOnly = (flags & DlPackConstants.DLPACK_FLAG_BITMASK_READ_ONLY) != 0;
        nint address = AddressOf(tensor, shape);
        RequireAccess(readOnly, access);
        if (lease.Stream is { } stream)
            backend.WaitForStream(stream);
        return new DlPackTensor(
            backend.Borrow(address, shape, access == DlPackAccess.Read, lease),
            (flags & DlPackConstants.DLPACK_FLAG_BITMASK_IS_COPIED) != 0
        );
    }

    private static nint AddressOf(DLTensor* tensor, Shape shape)
    {
        UInt128 address = (UInt128)(ulong)tensor->data + tensor->byte_offset;
        return RequireAddress(address, shape, isNull: tensor->data == null);
    }

    /// <summary>Refuses an address that no values of a shape can be at.</summary>
    internal static nint RequireAddress(UInt128 address, Shape shape, bool isNull)
    {
        if (shape.Count == 0)
            return 0;
        if (isNull)
            throw new ArgumentException($"The tensor {shape} has no memory: its address is null.");
        if (address + (UInt128)shape.Count * sizeof(float) > (UInt128)long.MaxValue)
            throw new ArgumentException(
                $"The tensor {shape} at 0x{address:x} ends behind what can be addressed: its producer has filled it wrongly."
            );
        if (address % sizeof(float) != 0)
            throw new ArgumentException(
                $"The tensor's first value is at 0x{address:x}, which is not a multiple of {sizeof(float)}. Copy it at its producer."
            );
        return (nint)(ulong)address;
    }

    /// <summary>Refuses to take a producer's read-only tensor to write it.</summary>
    internal static void RequireAccess(bool readOnly, DlPackAccess access)
    {
        if (readOnly && access == DlPackAccess.Write)
            throw new ArgumentException(
                "The tensor is read-only, says its producer, and cannot be taken to be written: take it with DlPackAccess.Read, or copy it at its producer."
            );
    }

    internal static void RequireDefined(DlPackAccess access)
    {
        if (!Enum.IsDefined(access))
            throw new ArgumentOutOfRangeException(
                nameof(access),
                access,
                $"The access must be one of {string.Join(", ", Enum.GetNames<DlPackAccess>())}."
            );
    }

    private static void Require(nint managed, DlPackForm form)
    {
        RequireForm(form);
        if (managed == 0)
            throw new ArgumentException("The address of the struct is null.", nameof(managed));
    }

    private static void RequireForm(DlPackForm form)
    {
        if (!Enum.IsDefined(form))
            throw new ArgumentOutOfRangeException(
                nameof(form),
                form,
                $"The form must be one of {string.Join(", ", Enum.GetNames<DlPackForm>())}."
            );
    }
}
