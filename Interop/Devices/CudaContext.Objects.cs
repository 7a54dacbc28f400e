using Sequor.Native;

namespace Sequor.Interop;

// Makes the objects of a context: streams, events, memory, modules and pools.
public sealed partial class CudaContext
{
    /// <summary>Makes a stream.</summary>
    /// <param name="blocking">Whether this stream and the legacy default stream wait for each other's work.</param>
    /// <param name="priority">The priority, one of <see cref="StreamPriorities"/>; lower numbers come first.</param>
    /// <exception cref="ArgumentOutOfRangeException">The device has no such priority.</exception>
    /// <exception cref="ObjectDisposedException">The context was disposed.</exception>
    public CudaStream CreateStream(bool blocking = false, int priority = 0) =>
        CudaStream.Create(this, blocking, priority);

    /// <summary>Makes an event.</summary>
    /// <param name="timing">Whether it records the time; an event that does not is cheaper to wait for.</param>
    /// <param name="blocking">Whether a thread that waits for it sleeps; otherwise the thread polls.</param>
    /// <param name="interprocess">Whether other processes can open it (<see cref="CudaEvent.Export"/>); it then records no time.</param>
    /// <exception cref="ArgumentException">It is to be for other processes, and to record the time.</exception>
    /// <exception cref="NotSupportedException">The device shares nothing with other processes.</exception>
    /// <exception cref="ObjectDisposedException">The context was disposed.</exception>
    public CudaEvent CreateEvent(
        bool timing = false,
        bool blocking = false,
        bool interprocess = false
    ) => CudaEvent.Create(this, timing, blocking, interprocess);

    /// <summary>
    /// Allocates device memory, aligned to 256 bytes, whose content is undefined. It waits for the device, and it would spoil a capture;
    /// <see cref="CudaStream.Allocate"/> does neither.
    /// </summary>
    /// <typeparam name="T">The elements' type.</typeparam>
    /// <param name="length">The number of elements, above 0.</param>
    /// <param name="category">What the memory is for, which names its entry in <see cref="Ledger"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length is not above 0, or the size in bytes exceeds 64 bits.</exception>
    /// <exception cref="CudaException">CUDA_ERROR_OUT_OF_MEMORY: the message says how much there is.</exception>
    /// <exception cref="ObjectDisposedException">The context was disposed.</exception>
    public DeviceBuffer<T> Allocate<T>(
        long length,
        string category = Interop.DeviceMemory.OtherCategory
    )
        where T : unmanaged => DeviceBuffer<T>.Allocate(this, length, category);

    /// <summary>Allocates pinned (page-locked) host memory, whose content is undefined.</summary>
    /// <typeparam name="T">The elements' type.</typeparam>
    /// <param name="length">The number of elements, above 0.</param>
    /// <param name="writeCombined">Whether the memory is fast for the device to read, and very slow for the host to read.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length is not above 0.</exception>
    /// <exception cref="CudaException">CUDA_ERROR_OUT_OF_MEMORY: the host cannot pin so much memory.</exception>
    /// <exception cref="ObjectDisposedException">The context was disposed.</exception>
    public PinnedBuffer<T> AllocatePinned<T>(int length, bool writeCombined = false)
        where T : unmanaged => PinnedBuffer<T>.Allocate(this, length, writeCombined);

    /// <summary>Lets the driver compile PTX for the context's device, and loads the module.</summary>
    /// <param name="ptx">The PTX text, with or without a terminating zero.</param>
    /// <exception cref="ArgumentException">The text is empty.</exception>
    /// <exception cref="CudaException">The text does not compile; the message has the compiler's log.</exception>
    /// <exception cref="ObjectDisposedException">The context was disposed.</exception>
    public CudaModule LoadModule(ReadOnlySpan<byte> ptx) => CudaModule.Load(this, ptx);

    /// <summary>Makes a memory pool on the context's device.</summary>
    /// <param name="keepBytes">
    /// How much unused memory the pool keeps when the device is synchronized, in bytes. By default it keeps all of it, so that a second
    /// step of the same size takes nothing from the system.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="keepBytes"/> is below 0.</exception>
    /// <exception cref="NotSupportedException">The device has no pools.</exception>
    /// <exception cref="ObjectDisposedException">The context was disposed.</exception>
    public CudaMemoryPool CreateMemoryPool(long keepBytes = long.MaxValue) =>
        CudaMemoryPool.Create(this, keepBytes);

    /// <summary>The device's default memory pool, which other code of the process may use too.</summary>
    /// <exception cref="NotSupportedException">The device has no pools.</exception>
    /// <exception cref="ObjectDisposedException">The context was disposed.</exception>
    public CudaMemoryPool DefaultMemoryPool() => CudaMemoryPool.Default(this);
}
