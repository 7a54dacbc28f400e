using System.Globalization;
using Sequor.Interop;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Times the candidates of a task on the device: each is opened, run once and compared with the plainest, run again to be warm,
/// and then they take turns. What is wrong, refused or too large is left out, with the reason.
/// </summary>
internal sealed class TuningRace(
    CudaBackend backend,
    TuningTask task,
    TuningBudget budget,
    TuningMemory memory
)
{
    private const int Rounds = 7;
    private const int MostRepeats = 20;

    // An event is exact to half a microsecond.
    private static readonly TimeSpan LeastSample = TimeSpan.FromMicroseconds(200);

    private readonly List<Runner> _runners = [];
    private readonly Dictionary<string, string> _refused = [];
    private Tensor _workspace;
    private Tensor _reserve;
    private bool _isForOthers = true;

    /// <summary>What came out.</summary>
    /// <param name="Choice">The fastest; where none was measured the first guess.</param>
    /// <param name="Microseconds">Median of each that was measured.</param>
    /// <param name="Refused">Why each of the others was not.</param>
    /// <param name="IsForOthers">Whether another run would find the same: nothing was left out for want of time or memory.</param>
    public sealed record Result(
        string Choice,
        IReadOnlyDictionary<string, double> Microseconds,
        IReadOnlyDictionary<string, string> Refused,
        bool IsForOthers
    );

    /// <exception cref="LostCandidateException">A candidate lost the context.</exception>
    public Result Run()
    {
        try
        {
            if (budget.Left <= TimeSpan.Zero)
                return Guess("no time was left to measure it");
            try
            {
                task.Prepare(memory);
            }
            catch (DeviceMemoryException)
            {
                return Guess("there was no memory for the operands to measure it with");
            }
            foreach (string candidate in task.Candidates)
                Attempt(candidate, () => Open(candidate));
            if (_runners.Count == 0 || !TakeMemory())
                return Guess("there was no memory to measure it with");
            Check();
            using CudaEvent begin = backend.Context.CreateEvent(timing: true);
            using CudaEvent end = backend.Context.CreateEvent(timing: true);
            Time(begin, end);
            return Judge();
        }
        finally
        {
            foreach (Runner runner in _runners)
                runner.Trial.Dispose();
        }
    }

    private Result Guess(string why)
    {
        foreach (string candidate in task.Candidates)
            _refused.TryAdd(candidate, why);
        return new Result(task.Candidates[0], new Dictionary<string, double>(), _refused, false);
    }

    private void Open(string candidate)
    {
        if (IsOver(candidate))
            return;
        TuningTrial trial = task.Open(candidate);
        _runners.Add(new Runner(candidate, trial));
    }

    private bool IsOver(string candidate)
    {
        if (budget.Left > TimeSpan.Zero)
            return false;
        _refused.TryAdd(candidate, "no time was left to measure it");
        // A shape's own time is the same in every run; what other shapes of a plan have left is not.
        _isForOthers &= !budget.PlanIsOver;
        return true;
    }

    // Runs a step of a candidate; whatever it refuses it with is the reason why it is left out.
    private void Attempt(string candidate, Action work)
    {
        try
        {
            work();
        }
        catch (Exception e)
            when (e
                    is CudaException
                        or CudnnException
                        or CublasException
                        or DeviceMemoryException
                        or NotSupportedException
                        or ArgumentException
            )
        {
            if (backend.Context.Lost is { } lost)
                throw new LostCandidateException(candidate, lost);
            _refused[candidate] = e.Message.Split('\n')[0];
            _isForOthers &= e is not DeviceMemoryException;
        }
    }

    // One scratch for all, as large as the largest wants; those are left out that want too much.
    private bool TakeMemory()
    {
        Runner plainest = _runners.Find(r => r.Name == task.Plainest) ?? _runners[0];
        if (backend.FreeBytes is { } free)
            foreach (Runner runner in _runners.Where(r => r != plainest).ToArray())
            {
                if ((runner.Count - plainest.Count) * sizeof(float) > free / 4)
                    TooLarge(runner);
            }
        while (true)
        {
            try
            {
                _workspace = memory.Block(_runners.Max(r => r.Trial.WorkspaceCount));
                _reserve = memory.Block(_runners.Max(r => r.Trial.ReserveCount));
                return true;
            }
            catch (DeviceMemoryException)
            {
                if (!_workspace.IsEmpty)
                    memory.Free(_workspace);
                _workspace = default;
                Runner largest = _runners.MaxBy(r => r.Count)!;
                if (largest.Count <= plainest.Count)
                    return false;
                TooLarge(largest);
            }
        }
    }

    private void TooLarge(Runner runner)
    {
        _refused[runner.Name] = string.Create(
            CultureInfo.InvariantCulture,
            $"there was no memory for its {runner.Count * sizeof(float):N0} bytes of scratch"
        );
        _isForOthers = false;
        _runners.Remove(runner);
        runner.Trial.Dispose();
    }

    // The plainest first, and the others against it. Where it is refused, the first that is not.
    private void Check()
    {
        float[][]? expected = null;
        string against = "";
        foreach (
            Runner runner in _runners.OrderByDescending(r => r.Name == task.Plainest).ToArray()
        )
        {
            float[][]? values = null;
            Attempt(
                runner.Name,
                () =>
                {
                    if (IsOver(runner.Name))
                        return;
                    foreach (TuningOutput output in task.Outputs)
                        // What a candidate does not write is not what another one left.
                        backend.Fill(output.Values, output.IsSum ? 0 : float.NaN);
                    runner.Trial.Run(_workspace, _reserve);
                    values = [.. task.Outputs.Select(o => o.Read())];
                }
            );
            string? wrong = null;
            for (int i = 0; values is not null && i < values.Length; i++)
                wrong ??= task.Outputs[i].Differs((expected ?? values)[i], values[i]);
            if (wrong is not null)
                _refused[runner.Name] = expected is null
                    ? wrong
                    : $"{wrong}, compared with {against}";
            if (values is null || wrong is not null)
                runner.IsOut = true;
            else if (expected is null)
                (expected, against) = (values, runner.Name);
        }
    }

    private void Time(CudaEvent begin, CudaEvent end)
    {
        // A round more: in the first each shows how long it takes.
        for (int round = 0; round <= Rounds; round++)
            foreach (Runner runner in _runners.Where(r => !r.IsOut))
            {
                if (budget.Left <= runner.Least)
                {
                    if (runner.Samples.Count == 0)
                        _ = IsOver(runner.Name);
                    continue;
                }
                Attempt(
                    runner.Name,
                    () =>
                    {
                        int repeats = runner.Repeats;
                        begin.Record(backend.Stream);
                        for (int i = 0; i < repeats; i++)
                            runner.Trial.Run(_workspace, _reserve);
                        end.Record(backend.Stream);
                        double us = end.MillisecondsSince(begin) * 1000.0 / repeats;
                        runner.Samples.Add(us);
                    }
                );
                runner.IsOut |= _refused.ContainsKey(runner.Name);
            }
    }

    private Result Judge()
    {
        var times = new Dictionary<string, double>();
        foreach (Runner runner in _runners.Where(r => !r.IsOut && r.Samples.Count > 0))
            times[runner.Name] = runner.Median;
        string[] sound = [.. _runners.Where(r => !r.IsOut).Select(r => r.Name)];
        // Of equal ones the first guess, or else the one that stands first.
        string choice =
            times.Count > 0 ? task.Candidates.Where(times.ContainsKey).MinBy(name => times[name])!
            : sound.Length > 0 ? sound[0]
            : task.Plainest;
        return new Result(choice, times, _refused, _isForOthers && times.Count > 0);
    }

    private sealed class Runner(string name, TuningTrial trial)
    {
        public string Name => name;
        public TuningTrial Trial => trial;
        public long Count => trial.WorkspaceCount + trial.ReserveCount;
        public List<double> Samples { get; } = [];

        /// <summary>It is refused, or wrong.</summary>
        public bool IsOut { get; set; }

        // Where the second run was warm already, its time counts.
        public double Median
        {
            get
            {
                double[] sorted = [.. Samples.Skip(Samples.Count > 1 ? 1 : 0).Order()];
                return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
            }
        }

        public int Repeats =>
            Samples.Count == 0
                ? 1
                : (int)
                    Math.Clamp(
                        LeastSample.TotalMicroseconds / Math.Max(Samples[0], 1),
                        1,
                        MostRepeats
                    );

        /// <summary>The time that a further sample takes.</summary>
        public TimeSpan Least =>
            Samples.Count == 0 ? TimeSpan.Zero : TimeSpan.FromMicroseconds(Samples[0] * Repeats);
    }
}

/// <summary>A candidate lost the context while it was measured.</summary>
internal sealed class LostCandidateException(string candidate, CudaException lost)
    : Exception(lost.Message, lost)
{
    public string Candidate => candidate;

    public CudaException Lost => lost;
}
