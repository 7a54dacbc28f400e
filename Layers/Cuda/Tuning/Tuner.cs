using System.Globalization;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Chooses ways of computing for a backend: what was forced, else what the file knows, else what measuring finds, else a rule.
/// Each is chosen once for a shape, when an operation is planned; a step asks nothing.
/// </summary>
internal sealed class Tuner
{
    private readonly CudaBackend _backend;
    private readonly Autotune _autotune;
    private readonly Action<string> _tell;
    private readonly TuningBudget _budget;
    private readonly Lazy<CudaIdentity> _identity;
    private readonly Lazy<ChoiceStore> _store;
    private readonly Dictionary<(string Kind, string Shape), CudaChoice> _chosen = [];
    private readonly List<(string Kind, string Shape)> _order = [];

    // What the plan that is being made was given, with its first guess.
    private readonly Dictionary<(string Kind, string Shape), string> _asked = [];
    private bool _isPlanning;

    public Tuner(CudaBackend backend, CudaOptions options)
    {
        _backend = backend;
        _autotune = options.Autotune;
        _tell = options.Tell ?? (_ => { });
        _budget = new TuningBudget(
            options.Clock,
            options.TuningTime.Shape,
            options.TuningTime.Plan
        );
        _identity = new(() => CudaIdentity.Of(backend.Context.Device));
        _store = new(() => new ChoiceStore(_autotune.Path, _identity.Value, _tell));
    }

    /// <summary>What was chosen, in the order in which it was asked for.</summary>
    public IReadOnlyList<CudaChoice> Chosen => [.. _order.Select(key => _chosen[key])];

    /// <summary>Given a line for what a user should know.</summary>
    public Action<string> Tell => _tell;

    /// <summary>A plan's own time of measuring begins.</summary>
    public void BeginPlan()
    {
        _budget.BeginPlan();
        _asked.Clear();
        _isPlanning = true;
    }

    /// <summary>What was found out for a plan is kept.</summary>
    public void EndPlan()
    {
        _isPlanning = false;
        Save();
    }

    /// <summary>
    /// Has the plan that is being made take the first guesses where something else was found to be faster, since there is no memory for
    /// all of that together. What was forced stays, and the file keeps what was measured.
    /// </summary>
    /// <returns>Whether that changes anything.</returns>
    public bool GuessForPlan()
    {
        bool changed = false;
        foreach ((var key, string guess) in _asked)
        {
            CudaChoice choice = _chosen[key];
            if (
                choice.Taken == guess
                || choice.How == "forced"
                || choice.Refused.ContainsKey(guess)
                // A mode of products takes no memory, and neither does cuBLASLt beside cuBLAS's scratch.
                || key.Kind is ProductTuning.Name or EpilogueTuning.Name
            )
                continue;
            _chosen[key] = choice with
            {
                Taken = guess,
                How = "guess",
                Reason = $"there was no memory for the plan with {choice.Taken}",
            };
            _tell($"{key.Kind} {key.Shape}: {guess}, as {_chosen[key].Reason}");
            changed = true;
        }
        return changed;
    }

    /// <summary>The candidate to take.</summary>
    /// <param name="task">What for.</param>
    /// <param name="forced">The candidate that a user wants; null for the best one.</param>
    /// <exception cref="DeviceUnavailableException">A candidate lost the context; the message has its name.</exception>
    public string Choose(TuningTask task, string? forced)
    {
        string guess = task.Candidates[0];
        _asked[(task.Kind, task.Shape)] = guess;
        if (_chosen.TryGetValue((task.Kind, task.Shape), out CudaChoice? known))
            return known.Taken;
        if (forced is not null)
        {
            bool taken = task.Candidates.Contains(forced);
            return Note(
                task,
                taken ? forced : guess,
                "forced",
                taken ? null : $"{forced} is none of its candidates: {task.WhyNot(forced)}"
            );
        }
        if (task.Candidates.Count == 1)
            return Note(task, guess, "guess", task.OnlyBecause);
        if (!_autotune.IsOn)
            return Note(task, guess, "guess", "autotune is off");
        if (_store.Value.Find(KeyOf(task)) is { } found)
        {
            (ChoiceEntry entry, bool fromFile) = found;
            if (task.Candidates.Contains(entry.Choice))
                return Note(task, entry, fromFile ? "file" : "measured");
            _tell(
                $"{task.Kind} {task.Shape}: the choice '{Printable.Shortened(entry.Choice)}' that is kept is none of {string.Join(", ", task.Candidates)}; it is measured anew"
            );
        }
        if (_backend.IsRecording)
            // Not remembered: a later plan may measure.
            return guess;
        return Note(task, Measure(task), "measured");
    }

    private (string, string, string, CudaIdentity) KeyOf(TuningTask task) =>
        (task.Kind, task.Shape, MathName, _identity.Value);

    private string MathName => _backend.Math == FloatMath.Tf32 ? "tf32" : "fp32";

    private ChoiceEntry Measure(TuningTask task)
    {
        if (!_isPlanning)
            _budget.BeginPlan();
        _budget.BeginShape();
        TuningRace.Result? result = null;
        try
        {
            _backend.Memory.Aside(() =>
            {
                using var memory = new TuningMemory(_backend);
                result = new TuningRace(_backend, task, _budget, memory).Run();
            });
        }
        catch (LostCandidateException e)
        {
            throw Lost(task, e);
        }
        var entry = new ChoiceEntry(
            task.Kind,
            task.Shape,
            MathName,
            result!.Choice,
            result.Microseconds,
            Shown(result.Refused),
            _identity.Value
        );
        _store.Value.Add(entry, result.IsForOthers);
        if (!_isPlanning)
            Save();
        return entry;
    }

    // Kept, so that the next run does without.
    private DeviceUnavailableException Lost(TuningTask task, LostCandidateException e)
    {
        string taken = task.Candidates.FirstOrDefault(c => c != e.Candidate) ?? task.Plainest;
        if (e.Candidate != task.Plainest)
            taken = task.Candidates[0] == e.Candidate ? task.Plainest : task.Candidates[0];
        string why = $"it lost the GPU's context: {e.Lost.Message.Split('\n')[0]}";
        _store.Value.Add(
            new ChoiceEntry(
                task.Kind,
                task.Shape,
                MathName,
                taken,
                new Dictionary<string, double>(),
                Shown(new Dictionary<string, string> { [e.Candidate] = why }),
                _identity.Value
            ),
            forOthers: true
        );
        Save();
        return new DeviceUnavailableException(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{_backend.Info.Device}: measuring the candidate {e.Candidate} of {task.Kind} for {task.Shape} lost the GPU's context, so this process cannot use it any more ({e.Lost.Message.Split('\n')[0]}). The next one takes {taken} there; --autotune off measures nothing."
            ),
            e
        );
    }

    // Texts of libraries, of bearable length.
    private static Dictionary<string, string> Shown(IReadOnlyDictionary<string, string> refused) =>
        refused.ToDictionary(r => r.Key, r => Printable.Shortened(r.Value, 300));

    private string Note(TuningTask task, ChoiceEntry entry, string how)
    {
        bool measured = entry.Us.Count > 0;
        Note(
            new CudaChoice(task.Kind, task.Shape, entry.Choice, measured ? how : "guess")
            {
                Reason = measured ? null : string.Join("; ", entry.Refused.Values.Distinct()),
                Microseconds = entry.Us,
                Refused = entry.Refused,
            }
        );
        return entry.Choice;
    }

    private string Note(TuningTask task, string taken, string how, string? reason)
    {
        Note(new CudaChoice(task.Kind, task.Shape, taken, how) { Reason = reason });
        return taken;
    }

    private void Note(CudaChoice choice)
    {
        _chosen[(choice.Kind, choice.Shape)] = choice;
        _order.Add((choice.Kind, choice.Shape));
    }

    private void Save()
    {
        if (_store.IsValueCreated)
            _store.Value.Save();
    }
}
