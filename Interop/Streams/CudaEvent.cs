using Sequor.Native;

namespace Sequor.Interop;

/// <summary>A mark in a stream. Another stream or the host can wait for it, and the time between two of them can be read.</summary>
public sealed unsafe partial class CudaEvent : CudaObject
{
    private readonly CudaContext _context;
    private readonly CUevent _handle;
    private bool _recorded;

    private readonly bool _owned;

    private CudaEvent(
        CudaContext context,
        CUevent handle,
        bool timing,
        bool interprocess = false,
        bool owned = true
    )
        : base(context)
    {
        IsInterprocess = interprocess;
        _owned = owned;
        _context = context;
        _handle = handle;
        TakesTime = timing;
    }

    /// <inheritdoc cref="CudaContext.CreateEvent"/>
    internal static CudaEvent Create(
        CudaContext context,
        bool timing,
        bool blocking,
        bool interprocess = false
    )
    {
        context.ThrowIfDisposed();
        if (interprocess)
        {
            if (timing)
                throw new ArgumentException(
                    "An event for other processes records no time; make it without timing.",
                    nameof(timing)
                );
            context.Device.RequireInterprocess();
        }
        CUevent_flags flags =
            (timing ? CUevent_flags.CU_EVENT_DEFAULT : CUevent_flags.CU_EVENT_DISABLE_TIMING)
            | (blocking ? CUevent_flags.CU_EVENT_BLOCKING_SYNC : CUevent_flags.CU_EVENT_DEFAULT)
            | (interprocess ? CUevent_flags.CU_EVENT_INTERPROCESS : CUevent_flags.CU_EVENT_DEFAULT);
        using CudaContextScope scope = context.Enter();
        CUevent handle;
        context.Check(
            context.Driver.cuEventCreate(&handle, (uint)flags),
            nameof(CudaDriver.cuEventCreate)
        );
        return new CudaEvent(context, handle, timing, interprocess);
    }

    /// <summary>Uses an event that the caller made. It is never destroyed here, and must outlive the use of this object.</summary>
    /// <param name="context">The event's context.</param>
    /// <param name="handle">The event's CUevent or cudaEvent_t.</param>
    /// <param name="timing">Whether it was made to record the time. It then counts as recorded.</param>
    /// <exception cref="ArgumentException">The handle is null.</exception>
    /// <exception cref="ObjectDisposedException">The context was disposed.</exception>
    public static CudaEvent Attach(CudaContext context, nint handle, bool timing = false)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.ThrowIfDisposed();
        if (handle == 0)
            throw new ArgumentException("The event is null.", nameof(handle));
        return new CudaEvent(context, new(handle), timing, owned: false) { _recorded = timing };
    }

    /// <summary>Whether the event records the time at which it is reached.</summary>
    public bool TakesTime { get; }

    /// <summary>The driver's handle.</summary>
    public CUevent Handle
    {
        get
        {
            ThrowIfDisposed();
            return _handle;
        }
    }

    /// <summary>Whether the work before the mark is done; true if the event was never recorded.</summary>
    /// <exception cref="CudaException">Work failed.</exception>
    public bool IsDone
    {
        get
        {
            using CudaContextScope scope = _context.Enter();
            CUresult result = _context.Driver.cuEventQuery(Handle);
            if (result == CUresult.CUDA_ERROR_NOT_READY)
                return false;
            _context.Check(result, nameof(CudaDriver.cuEventQuery));
            return true;
        }
    }

    /// <summary>Puts the mark behind the work that is queued in a stream. An earlier mark of this event no longer counts.</summary>
    /// <param name="stream">A stream of the same context.</param>
    /// <param name="atEachLaunch">
    /// In a captured stream, whether the graph gets a node that records the event at each launch. By default recording only
    /// makes later captured work that waits for the event depend on the work before it.
    /// </param>
    public void Record(CudaStream stream, bool atEachLaunch = false)
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.Require(_context, nameof(stream));
        using CudaContextScope scope = _context.Enter();
        CUevent_record_flags flags = atEachLaunch
            ? CUevent_record_flags.CU_EVENT_RECORD_EXTERNAL
            : CUevent_record_flags.CU_EVENT_RECORD_DEFAULT;
        _context.Check(
            atEachLaunch
                ? _context.Driver.cuEventRecordWithFlags(Handle, stream.Handle, (uint)flags)
                : _context.Driver.cuEventRecord(Handle, stream.Handle),
            atEachLaunch
                ? nameof(CudaDriver.cuEventRecordWithFlags)
                : nameof(CudaDriver.cuEventRecord)
        );
        _recorded = true;
    }

    /// <summary>Blocks the calling thread until the work before the mark is done.</summary>
    /// <exception cref="CudaException">Work failed.</exception>
    public void Synchronize()
    {
        using CudaContextScope scope = _context.Enter();
        _context.Check(
            _context.Driver.cuEventSynchronize(Handle),
            nameof(CudaDriver.cuEventSynchronize)
        );
    }

    /// <summary>
    /// The milliseconds from an earlier event to this one, with a resolution of about half a microsecond. Waits for this event.
    /// </summary>
    /// <exception cref="InvalidOperationException">One of the events does not record the time, or was not recorded.</exception>
    /// <exception cref="CudaException">Work failed.</exception>
    public float MillisecondsSince(CudaEvent start)
    {
        ArgumentNullException.ThrowIfNull(start);
        if (!TakesTime || !start.TakesTime)
            throw new InvalidOperationException(
                "An event that was made without timing has no time; make both with timing: true."
            );
        if (!_recorded || !start._recorded)
            throw new InvalidOperationException(
                "An event that was not recorded has no time; record both."
            );
        using CudaContextScope scope = _context.Enter();
        Synchronize();
        float milliseconds;
        _context.Check(
            _context.Driver.cuEventElapsedTime(&milliseconds, start.Handle, Handle),
            nameof(CudaDriver.cuEventElapsedTime)
        );
        return milliseconds;
    }

    private protected override CudaContext Home => _context;

    private protected override void Release()
    {
        if (_owned)
            _context.Park(
                _context.Driver.cuEventDestroy(_handle),
                nameof(CudaDriver.cuEventDestroy)
            );
    }
}
