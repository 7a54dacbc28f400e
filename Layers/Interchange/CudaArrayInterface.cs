using System.Globalization;
using Sequor.Native;

namespace Sequor.Layers;

/// <summary>
/// A GPU's array as the attribute `__cuda_array_interface__` of Python's libraries describes it (Numba's CUDA Array Interface, version 3).
/// </summary>
/// <remarks>
/// It describes memory and owns none: whoever has the array must keep it while the other side uses it. <see cref="DlPack"/> has owners, and
/// is the better choice where both sides speak it.
/// </remarks>
public sealed partial record CudaArrayInterface
{
    /// <summary>The version that is written; 0 to 3 are read.</summary>
    public const int LatestVersion = 3;

    /// <summary>The type string of float32 values in this machine's byte order.</summary>
    public static readonly string FloatType = BitConverter.IsLittleEndian ? "<f4" : ">f4";

    /// <summary>The sizes, outermost first.</summary>
    public required IReadOnlyList<long> Shape { get; init; }

    /// <summary>The type of the values as numpy writes it, such as "&lt;f4".</summary>
    public required string TypeStr { get; init; }

    /// <summary>The address of the first value on the device; 0 where there are no values.</summary>
    public required nint Data { get; init; }

    /// <summary>Whether the values may only be read.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>The distances between values in bytes, of each dimension; null for row-major without gaps.</summary>
    public IReadOnlyList<long>? Strides { get; init; }

    /// <summary>The version of the interface.</summary>
    public int Version { get; init; } = LatestVersion;

    /// <summary>
    /// The stream whose work the consumer waits for, as in <see cref="DlPack.WaitFor"/>; null where nothing has to be waited for.
    /// </summary>
    public long? Stream { get; init; }

    /// <summary>Describes a tensor. The backend's stream is in it, so that a consumer waits for the work queued there.</summary>
    /// <param name="tensor">A tensor on a GPU, which the caller keeps as long as a consumer uses it.</param>
    /// <param name="readOnly">Whether the consumer may only read it.</param>
    /// <exception cref="ArgumentException">The tensor is in host memory.</exception>
    /// <exception cref="InvalidOperationException">There is no tensor, or another thread is in the backend.</exception>
    /// <exception cref="ObjectDisposedException">The tensor's memory or its backend was disposed.</exception>
    public static CudaArrayInterface Export(Tensor tensor, bool readOnly = false)
    {
        Backend backend = tensor.Backend;
        using OwnerScope inside = backend.Enter("CudaArrayInterface.Export");
        backend.RequireLive();
        if (backend.MemoryDevice.device_type != DLDeviceType.kDLCUDA)
            throw new ArgumentException(
                $"The tensor is on {backend.Info.Device}; the CUDA array interface describes memory of a GPU. DlPack.Export describes both.",
                nameof(tensor)
            );
        nint address = tensor.Address;
        long[] sizes = new long[tensor.Shape.Rank];
        for (int i = 0; i < sizes.Length; i++)
            sizes[i] = tensor.Shape[i];
        return new()
        {
            Shape = sizes,
            TypeStr = FloatType,
            Data = tensor.Count == 0 ? 0 : address,
            IsReadOnly = readOnly || tensor.Storage.IsReadOnly,
            Stream = backend.StreamNumber,
        };
    }

    /// <summary>
    /// Sees the array as a tensor, in place. Work of the backend waits for <see cref="Stream"/>; the calling thread does not.
    /// </summary>
    /// <remarks>
    /// The array must stay until the backend's work on it is done. Where the producer may write it before, let its stream wait for that work
    /// (<see cref="DlPack.LetWait"/>). An array without dimensions becomes [1].
    /// </remarks>
    /// <param name="backend">A backend on the array's GPU.</param>
    /// <param name="access">Whether the tensor may be written.</param>
    /// <exception cref="ArgumentException">
    /// The array is no tensor here: not float32, of more than three dimensions, with other strides, in memory that the backend cannot use,
    /// read-only where it is to be written, or of a later version. Or the stream is none.
    /// </exception>
    /// <exception cref="InvalidOperationException">Another thread is in the backend, or a step is being captured.</exception>
    /// <exception cref="ObjectDisposedException">The backend was disposed.</exception>
    public Tensor Import(Backend backend, DlPackAccess access)
    {
        ArgumentNullException.ThrowIfNull(backend);
        DlPack.RequireDefined(access);
        using OwnerScope inside = backend.Enter("CudaArrayInterface.Import");
        backend.RequireLive();
        if (Version is < 0 or > LatestVersion)
            throw new ArgumentException(
                $"The array is of version {Version} of the CUDA array interface; 0 to {LatestVersion} can be read."
            );
        if (backend.MemoryDevice.device_type != DLDeviceType.kDLCUDA)
            throw new ArgumentException(
                $"The array is in memory of a GPU, the backend is {backend.Info.Device}. Copy it to the host at its producer, or use a backend of Device.Cuda."
            );
        RequireFloat32();
        long[] sizes = [.. Shape];
        long[] strides = [.. Strides ?? []];
        if (Strides is not null && strides.Length != sizes.Length)
            throw new ArgumentException(
                $"The array has {Amount.Of(sizes.Length, "dimension")} and {Amount.Of(strides.Length, "stride")}: its producer has filled it wrongly."
            );
        Shape shape = ForeignLayout.Require(sizes, strides, unit: sizeof(float));
        nint address = DlPack.RequireAddress((ulong)Data, shape, isNull: Data == 0);
        DlPack.RequireAccess(IsReadOnly, access);
        if (Stream is { } stream)
            backend.WaitForStream(stream);
        return backend.Borrow(address, shape, access == DlPackAccess.Read, lease: null);
    }

    private void RequireFloat32()
    {
        if (TypeStr == FloatType)
            return;
        if (
            TypeStr is not [var order, var kind, .. var size]
            || !int.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out int bytes)
            || bytes > 1024
        )
            throw new ArgumentException(
                $"The array's type is \"{Printable.Shortened(TypeStr, 100)}\", which is no type string of numpy; here values are float32, \"{FloatType}\"."
            );
        string name = kind switch
        {
            'f' => $"float{8 * bytes}",
            'i' => $"int{8 * bytes}",
            'u' => $"uint{8 * bytes}",
            'c' => $"complex{8 * bytes}",
            'b' => "bool",
            _ => $"of the kind '{kind}'",
        };
        bool swapped = order is '<' or '>' && order != FloatType[0] && bytes > 1;
        throw ForeignType.NotFloat32(
            $"{name} (\"{Printable.Shortened(TypeStr, 100)}\"){(swapped ? " in another byte order than this machine's" : "")}",
            kind is 'i' or 'u'
        );
    }
}
