using System.Runtime.InteropServices;

namespace Sequor.Layers;

/// <summary>
/// Times each operation of a plan's steps, between its start and its disposal. Steps run as usual, eager or by a <see cref="StepGraph"/>,
/// and give the same results, bit for bit. On a GPU times are those of the device, by events in the queue; a graph is recorded once more
/// with the events in it, and the one without them is used again when the profile ends.
/// </summary>
/// <remarks>
/// A step is what a <see cref="StepGraph"/> runs, or what stands within <see cref="Step"/>. Without either it goes from one Forward of the
/// plan to the next, copies of the next batch included. Each profiled operation has two marks more in the queue, so a profiled step takes a
/// little longer. After the first steps a profiled step allocates nothing. Like its backend, a profile is for one thread at a time.
/// </remarks>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu);
/// using var model = new Sequential(new Gru(2, 16), new Linear(16, 1));
/// using Plan plan = model.Plan(backend, maxLength: 20, maxBatch: 4, Mode.Evaluation);
/// using Profile profile = Profile.Start(plan);
/// for (int i = 0; i &lt; 5; i++)
///     plan.Forward(new float[20 * 4 * 2], length: 20, batch: 4);
/// foreach (ProfiledOperation row in profile.Read().Operations)
///     Console.WriteLine($"{row.Layer} {row.Operation} {row.Milliseconds:F3} ms");
/// </code>
/// </example>
public sealed class Profile : IDisposable
{
    private readonly ProfileRecorder _recorder;
    private readonly List<ProfiledRow> _rows = [];
    private bool _isPaused;
    private bool _disposed;

    private Profile(Plan plan, ProfileOptions options)
    {
        Plan = plan;
        _recorder = new ProfileRecorder(plan, options.Listener);
    }

    /// <summary>The plan whose steps are timed.</summary>
    public Plan Plan { get; }

    /// <summary>The steps that have ended since the start.</summary>
    public long Steps => _recorder.Steps;

    /// <summary>
    /// Whether steps run as they do without a profile, on a GPU by the graphs without marks, until this is false again. What the last
    /// profiled step did can be read meanwhile, and the graphs with marks stay, so steps of both kinds can take turns.
    /// </summary>
    /// <exception cref="InvalidOperationException">It is set within a step, or another thread is in the backend.</exception>
    /// <exception cref="ObjectDisposedException">It is set, and the profile or its plan was disposed.</exception>
    public bool IsPaused
    {
        get => _isPaused;
        set
        {
            using OwnerScope inside = Plan.Backend.Enter("Profile.IsPaused");
            RequireLive();
            if (_recorder.IsWithin)
                throw new InvalidOperationException(
                    "A profile is paused between steps, not within one."
                );
            if (value == _isPaused)
                return;
            _recorder.EndCycle();
            if (value)
                Plan.Backend.RemoveProbe(_recorder);
            else
                Plan.Backend.AddProbe(_recorder);
            _isPaused = value;
        }
    }

    /// <summary>Starts a profile. It ends when it is disposed.</summary>
    /// <param name="plan">The plan whose steps are timed. Work of other plans on its backend is told as a layer "other".</param>
    /// <param name="options">What it does besides; null for the defaults.</param>
    /// <exception cref="InvalidOperationException">
    /// The backend has a profile already, a step is under way, or another thread is in the backend.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The plan, its model or its backend was disposed.</exception>
    public static Profile Start(Plan plan, ProfileOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(plan);
        Backend backend = plan.Backend;
        using OwnerScope inside = backend.Enter("Profile.Start");
        plan.RequireLive();
        if (backend.Profile is not null)
            throw new InvalidOperationException(
                "The backend has a profile already: dispose that before another one is started."
            );
        if (backend.Tracer is not null || backend.IsRecording)
            throw new InvalidOperationException(
                "A profile is started between steps, not within one or while work is recorded."
            );
        var profile = new Profile(plan, options ?? new ProfileOptions());
        backend.Profile = profile;
        backend.AddProbe(profile._recorder);
        return profile;
    }

    /// <summary>Says where a step begins, and by the disposal of what it returns, where it ends.</summary>
    /// <exception cref="InvalidOperationException">The profile is paused, or another thread is in the backend.</exception>
    /// <exception cref="ObjectDisposedException">The profile or its plan was disposed.</exception>
    public ProfileScope Step()
    {
        using OwnerScope inside = Plan.Backend.Enter("Profile.Step");
        RequireLive();
        if (_isPaused)
            throw new InvalidOperationException("The profile is paused.");
        Plan.Backend.Probe!.BeginStep();
        return new ProfileScope(this);
    }

    internal void EndStep()
    {
        using OwnerScope inside = Plan.Backend.Enter("ProfileScope.Dispose");
        if (!_disposed)
            Plan.Backend.Probe?.EndStep();
    }

    /// <summary>Waits for the last step that ended, and tells what it did.</summary>
    /// <exception cref="InvalidOperationException">
    /// No step has ended, one is under way, the last one's times cannot be told, or another thread is in the backend.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The profile, its plan, the model or the backend was disposed.</exception>
    public ProfiledStep Read()
    {
        using OwnerScope inside = Plan.Backend.Enter("Profile.Read");
        long nanoseconds = ReadRows();
        StepRecord record = _recorder.Step;
        IReadOnlyList<OwnedMemory> held = HeldMemory.Of(Plan);
        MemoryUse use = MemoryUse.Of(
            record,
            CollectionsMarshal.AsSpan(_rows),
            layer => HeldMemory.Planned(Plan, layer),
            held
        );
        return new ProfiledStep
        {
            Number = _recorder.Steps,
            Nanoseconds = nanoseconds,
            IsReplay = _recorder.IsReplay,
            Operations = [.. _rows.Select(row => Told(row, record))],
            Memory = use.Rows,
            PeakOwners = use.PeakOwners,
            Held = held,
        };
    }

    /// <summary>
    /// Waits for the last step that ended, and tells its times to a listener. It allocates nothing once a step as large was told.
    /// </summary>
    /// <param name="listener">Whose <see cref="ProfileListener.StepTimed"/> is called.</param>
    /// <exception cref="InvalidOperationException">As for <see cref="Read"/>.</exception>
    /// <exception cref="ObjectDisposedException">As for <see cref="Read"/>.</exception>
    public void Tell(ProfileListener listener)
    {
        ArgumentNullException.ThrowIfNull(listener);
        using OwnerScope inside = Plan.Backend.Enter("Profile.Tell");
        long nanoseconds = ReadRows();
        listener.StepTimed(_recorder.Steps, nanoseconds, CollectionsMarshal.AsSpan(_rows));
    }

    // Rows follow each other without gaps: each begins where the one before it ended.
    private long ReadRows()
    {
        RequireLive();
        if (_recorder.IsWithin)
            throw new InvalidOperationException("The times of a step are read after its end.");
        _recorder.EndCycle();
        if (_recorder.Steps == 0)
            throw new InvalidOperationException("No step has run since the profile was started.");
        if (_recorder.Spoilt is { } reason)
            throw new InvalidOperationException($"The step's times cannot be told: {reason}.");
        StepRecord record = _recorder.Step;
        TimeMark begin = _recorder.Begin;
        _rows.Clear();
        long now = 0;
        for (int i = 0; i < record.Count; i++)
        {
            OperationRecord operation = record[i];
            now = Between(now, operation.Begin.NanosecondsSince(begin));
            long end = Math.Max(now, operation.End.NanosecondsSince(begin));
            _rows.Add(
                new ProfiledRow(
                    operation.Layer,
                    operation.Kind,
                    operation.Name.Text,
                    operation.Pass,
                    now,
                    end - now,
                    operation.BytesMoved,
                    operation.Flops,
                    operation.Launches
                )
                {
                    Index = i,
                }
            );
            now = end;
        }
        return _recorder.End is { } last ? Between(now, last.NanosecondsSince(begin)) : now;
    }

    // A row for the time from one operation's end to what comes next, unless there is none.
    private long Between(long from, long to)
    {
        if (to <= from)
            return from;
        _rows.Add(
            new ProfiledRow(
                ProfiledOperation.OtherLayer,
                "",
                ProfiledOperation.Between,
                ProfilePass.Other,
                from,
                to - from,
                0,
                0,
                0
            )
        );
        return to;
    }

    private static ProfiledOperation Told(in ProfiledRow row, StepRecord record) =>
        new()
        {
            Layer = row.Layer,
            Kind = row.Kind,
            Operation = row.Operation,
            Pass = row.Pass,
            Shapes = row.Index < 0 ? "" : Operand.ShapesOf(record.OperandsOf(record[row.Index])),
            StartNanoseconds = row.StartNanoseconds,
            Nanoseconds = row.Nanoseconds,
            BytesMoved = row.BytesMoved,
            Flops = row.Flops,
            Launches = row.Launches,
        };

    private void RequireLive()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Plan.RequireLive();
    }

    /// <summary>
    /// Ends the profile: steps run as before it, by the graphs that were there before. A second call does nothing. It may come after the
    /// plan's or the backend's disposal.
    /// </summary>
    public void Dispose()
    {
        using OwnerScope inside = Plan.Backend.Enter("Profile.Dispose");
        if (_disposed)
            return;
        _disposed = true;
        Plan.Backend.RemoveProbe(_recorder);
        Plan.Backend.Profile = null;
        _recorder.Dispose();
    }
}

/// <summary>A step of a <see cref="Profile"/>, which ends when this is disposed.</summary>
public readonly struct ProfileScope : IDisposable, IEquatable<ProfileScope>
{
    private readonly Profile? _profile;

    internal ProfileScope(Profile profile) => _profile = profile;

    /// <summary>Ends the step.</summary>
    public void Dispose() => _profile?.EndStep();

    /// <inheritdoc/>
    public bool Equals(ProfileScope other) => ReferenceEquals(_profile, other._profile);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is ProfileScope other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _profile?.GetHashCode() ?? 0;

    /// <summary>Whether two are of the same profile.</summary>
    public static bool operator ==(ProfileScope left, ProfileScope right) => left.Equals(right);

    /// <summary>Whether two are of different profiles.</summary>
    public static bool operator !=(ProfileScope left, ProfileScope right) => !left.Equals(right);
}
