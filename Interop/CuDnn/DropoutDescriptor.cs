using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// A dropout rate together with the states of cuDNN's random number generator on the device. Every training call draws from the states and
/// so changes them, which is why a checkpoint must store them. It is for one thread and stream at a time.
/// </summary>
public sealed unsafe class DropoutDescriptor : CuDnnDescriptor
{
    /// <summary>The category of the states' memory.</summary>
    public const string StatesCategory = "dropout states";

    private readonly cudnnDropoutDescriptor_t _handle;
    private readonly DeviceMemory? _taken;

    private DropoutDescriptor(
        CuDnnHandle handle,
        DeviceSpan<byte> states,
        DeviceMemory? taken,
        cudnnDropoutDescriptor_t descriptor
    )
        : base(handle.Context, handle, states.Memory!)
    {
        _handle = descriptor;
        _taken = taken;
        States = states;
    }

    /// <summary>The size in bytes of the states on a device.</summary>
    public static long StatesBytes(CuDnnHandle handle)
    {
        ArgumentNullException.ThrowIfNull(handle);
        using CudaContextScope scope = handle.Context.Enter();
        nuint bytes;
        handle.Check(
            handle.Library.cudnnDropoutGetStatesSize(handle.Handle, &bytes),
            nameof(CuDnn.cudnnDropoutGetStatesSize)
        );
        return (long)bytes;
    }

    /// <summary>Makes a descriptor, and fills its states from a seed in the handle's stream.</summary>
    /// <param name="handle">The library handle.</param>
    /// <param name="rate">The probability that an element is dropped: at least 0, below 1.</param>
    /// <param name="seed">The seed that the states are filled from.</param>
    /// <param name="states">Memory for the states; allocated here by default.</param>
    /// <param name="restore">Whether the states in the memory, such as those of a checkpoint, are used and not filled anew.</param>
    public static DropoutDescriptor Create(
        CuDnnHandle handle,
        float rate,
        ulong seed,
        DeviceSpan<byte> states = default,
        bool restore = false
    )
    {
        ArgumentNullException.ThrowIfNull(handle);
        if (!(rate >= 0 && rate < 1))
            throw new ArgumentOutOfRangeException(
                nameof(rate),
                rate,
                "A dropout rate is 0 to below 1."
            );
        if (restore && states.IsEmpty)
            throw new ArgumentException("There are no states to restore.", nameof(states));
        long bytes = StatesBytes(handle);
        if (!states.IsEmpty && states.ByteCount < bytes)
            throw new ArgumentException(
                $"States need {bytes} bytes; {states.ByteCount} were given.",
                nameof(states)
            );
        states.Require(handle.Context, nameof(states));
        DeviceBuffer<byte>? taken = states.IsEmpty
            ? handle.Context.Allocate<byte>(bytes, StatesCategory)
            : null;
        DropoutDescriptor? made = null;
        try
        {
            made = Create(handle, taken ?? states, taken);
            made.Set(handle, rate, seed, restore);
            return made;
        }
        catch
        {
            made?.Dispose();
            taken?.Dispose();
            throw;
        }
    }

    /// <summary>The probability that an element is dropped.</summary>
    public float Rate { get; private set; }

    /// <summary>The memory of the states.</summary>
    public DeviceSpan<byte> States { get; }

    /// <summary>cuDNN's handle.</summary>
    public cudnnDropoutDescriptor_t Handle
    {
        get
        {
            ThrowIfDisposed();
            return _handle;
        }
    }

    private protected override void Release() =>
        Park(
            Library.cudnnDestroyDropoutDescriptor(_handle),
            nameof(Library.cudnnDestroyDropoutDescriptor)
        );

    private protected override void LetGo(bool forgotten) => _taken?.Dispose();

    private static DropoutDescriptor Create(
        CuDnnHandle handle,
        DeviceSpan<byte> states,
        DeviceMemory? taken
    )
    {
        using CudaContextScope scope = handle.Context.Enter();
        cudnnDropoutDescriptor_t descriptor;
        handle.Check(
            handle.Library.cudnnCreateDropoutDescriptor(&descriptor),
            nameof(CuDnn.cudnnCreateDropoutDescriptor)
        );
        return new DropoutDescriptor(handle, states, taken, descriptor);
    }

    private void Set(CuDnnHandle handle, float rate, ulong seed, bool restore)
    {
        using CudaContextScope scope = Context.Enter();
        byte* states = States.Pointer;
        nuint bytes = (nuint)States.ByteCount;
        if (restore)
            Check(
                Library.cudnnRestoreDropoutDescriptor(
                    Handle,
                    handle.Handle,
                    rate,
                    states,
                    bytes,
                    seed
                ),
                nameof(Library.cudnnRestoreDropoutDescriptor)
            );
        else
            Check(
                Library.cudnnSetDropoutDescriptor(Handle, handle.Handle, rate, states, bytes, seed),
                nameof(Library.cudnnSetDropoutDescriptor)
            );
        Rate = rate;
    }
}
