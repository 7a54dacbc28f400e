using System.Globalization;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Training;

/// <summary>
/// Trainers that are begun, trained, evaluated, saved, resumed, disposed and forgotten in an order drawn by a seed. Whatever
/// happened before, each loss has to be the one that a run which was never touched has at that step, bit for bit.
/// </summary>
internal sealed class Soak : IDisposable
{
    private const int Length = 9;
    private const int Batch = 3;
    private const int Steps = 24;
    private const int MostAlive = 5;

    private static readonly TrainingOptions Options = new()
    {
        Batch = Batch,
        Clip = 1f,
        Seed = 3,
    };

    private static readonly AddingProblem Problem = new(Length);

    private static readonly (Func<Layer> Body, Func<Plan, Optimizer> Optimizer)[] Subjects =
    [
        (() => new Rnn(2, 7), plan => new Sgd(plan, 0.05f, 0.9f)),
        (() => new Lstm(2, 7, 2), plan => new Adam(plan, 0.01f)),
        (() => new Gru(2, 7), plan => new RmsProp(plan, 0.003f)),
        (() => new Tcn(2, [7, 7], 2, 0.2f), plan => new Adam(plan, 0.01f)),
        (
            () => new Lru(2, 7, 5, 2, new LruOptions { Norm = NormKind.Batch, Dropout = 0.2f }),
            plan => new AdamW(plan, 0.01f, 0.05f, groups: [Lru.Recurrence(0.25f)])
        ),
    ];

    private readonly Backend _backend;
    private readonly string _folder;
    private readonly Draw _draw;
    private readonly Reference[] _references;
    private readonly List<Run> _alive = [];
    private readonly Dictionary<string, (int Subject, long Step)> _saved = [];

    public Soak(Backend backend, string folder, ulong seed)
    {
        (_backend, _folder) = (backend, folder);
        _draw = new Draw(seed);
        _references = [.. Subjects.Select((_, subject) => Straight(subject))];
    }

    /// <summary>Kinds of actions that there are.</summary>
    public const int Kinds = 10;

    /// <summary>Actions done so far, by name.</summary>
    public SortedDictionary<string, int> Done { get; } = new(StringComparer.Ordinal);

    /// <summary>One action on one of the trainers.</summary>
    public void Act()
    {
        if (_alive.Count == 0)
        {
            Begin();
            return;
        }
        Run run = _alive[_draw.Next(_alive.Count)];
        switch (_draw.Next(16))
        {
            case 0:
                Begin();
                break;
            case 1:
                Dispose(run);
                break;
            case 2:
                Forget(run);
                break;
            case 3:
            case 4:
                Save(run);
                break;
            case 5:
                Resume(run);
                break;
            case 6:
                ResumeAnew();
                break;
            case 7:
                ResumeFromDamage(run);
                break;
            case 8:
            case 9:
                Evaluate(run);
                break;
            case 10:
                Predict(run);
                break;
            default:
                Train(run);
                break;
        }
    }

    /// <summary>Ends all trainers, and has those that were forgotten collected.</summary>
    public void Dispose()
    {
        _alive.ForEach(run => run.Dispose());
        _alive.Clear();
        Collect();
    }

    private void Begin()
    {
        Count("begin");
        // A full house loses its oldest.
        if (_alive.Count == MostAlive)
            Dispose(_alive[0]);
        _alive.Add(new Run(_backend, _draw.Next(Subjects.Length)));
    }

    private void Train(Run run)
    {
        Count("train");
        for (int steps = 1 + _draw.Next(4); steps > 0 && run.Trainer.Step < Steps; steps--)
        {
            long step = run.Trainer.Step;
            run.Trainer.TrainStep();
            RequireSame(_references[run.Subject].Losses[step], run.Trainer.ReadLoss(), run, step);
        }
    }

    private void Evaluate(Run run)
    {
        Count("evaluate");
        RequireSame(
            _references[run.Subject].Evaluations[run.Trainer.Step],
            run.Trainer.Evaluate(),
            run,
            run.Trainer.Step
        );
    }

    private void Predict(Run run)
    {
        Count("predict");
        float[] x = _draw.Uniform(Length * 2);
        float[] once = run.Model.Predict(x, Length).Values.ToArray();
        Assert.That(run.Model.Predict(x, Length).Values.ToArray(), Is.EqualTo(once));
    }

    private void Save(Run run)
    {
        Count("save");
        string path = PathOf(run.Subject, _draw.Next(2));
        run.Trainer.Save(path, new Dictionary<string, string>());
        _saved[path] = (run.Subject, run.Trainer.Step);
    }

    private void Resume(Run run)
    {
        string[] paths =
        [
            .. _saved
                .Keys.Where(p => _saved[p].Subject == run.Subject)
                .Order(StringComparer.Ordinal),
        ];
        if (paths.Length == 0)
            return;
        Count("resume");
        Resume(run, paths[_draw.Next(paths.Length)]);
    }

    private void ResumeAnew()
    {
        if (_saved.Count == 0)
            return;
        Count("resume anew");
        string path = _saved.Keys.Order(StringComparer.Ordinal).ElementAt(_draw.Next(_saved.Count));
        if (_alive.Count == MostAlive)
            Dispose(_alive[0]);
        var run = new Run(_backend, _saved[path].Subject);
        _alive.Add(run);
        Resume(run, path);
    }

    private void Resume(Run run, string path)
    {
        Assert.That(run.Trainer.Resume(path), Is.Empty);
        Assert.That(run.Trainer.Step, Is.EqualTo(_saved[path].Step), run.ToString());
    }

    private void ResumeFromDamage(Run run)
    {
        if (_saved.Count == 0)
            return;
        Count("resume from damage");
        byte[] bytes = File.ReadAllBytes(
            _saved.Keys.Order(StringComparer.Ordinal).ElementAt(_draw.Next(_saved.Count))
        );
        bytes[_draw.Next(bytes.Length)] ^= (byte)(1 << _draw.Next(8));
        string path = Path.Combine(_folder, "damaged.safetensors");
        File.WriteAllBytes(path, bytes);
        Assert.Throws<CheckpointException>(() => run.Trainer.Resume(path));
        File.Delete(path);
    }

    private void Dispose(Run run)
    {
        Count("dispose");
        _alive.Remove(run);
        run.Dispose();
        run.Dispose();
    }

    private void Forget(Run run)
    {
        Count("forget");
        _alive.Remove(run);
        // Now and then at once, else whenever the collector comes by.
        if (_draw.Next(4) == 0)
            Collect();
    }

    private static void Collect()
    {
        for (int i = 0; i < 2; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    private static void RequireSame(double wanted, double found, Run run, long step) =>
        Assert.That(
            BitConverter.DoubleToInt64Bits(found),
            Is.EqualTo(BitConverter.DoubleToInt64Bits(wanted)),
            $"{run}, step {step}: {found}, not {wanted}"
        );

    private void Count(string action) => Done[action] = Done.GetValueOrDefault(action) + 1;

    private string PathOf(int subject, int number) =>
        Path.Combine(
            _folder,
            string.Create(CultureInfo.InvariantCulture, $"{subject}-{number}.safetensors")
        );

    private Reference Straight(int subject)
    {
        using var run = new Run(_backend, subject);
        var losses = new double[Steps];
        var evaluations = new double[Steps + 1];
        for (int step = 0; step < Steps; step++)
        {
            evaluations[step] = run.Trainer.Evaluate();
            run.Trainer.TrainStep();
            losses[step] = run.Trainer.ReadLoss();
        }
        evaluations[Steps] = run.Trainer.Evaluate();
        return new Reference(losses, evaluations);
    }

    private sealed record Reference(double[] Losses, double[] Evaluations);

    private sealed class Run : IDisposable
    {
        public Run(Backend backend, int subject)
        {
            Subject = subject;
            (Func<Layer> body, Func<Plan, Optimizer> optimizer) = Subjects[subject];
            Model = new Sequential(body(), new Last(7), new Linear(7, 1));
            Trainer = new Trainer(
                Model,
                Problem.Stream(Options.Seed),
                Problem.HeldOut(5),
                backend,
                optimizer,
                Options
            );
        }

        public int Subject { get; }

        public Sequential Model { get; }

        public Trainer Trainer { get; }

        public override string ToString() => $"subject {Subject}";

        public void Dispose()
        {
            Trainer.Dispose();
            Model.Dispose();
        }
    }
}
