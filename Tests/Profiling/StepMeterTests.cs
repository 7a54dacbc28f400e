using System.Diagnostics.Metrics;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Profiling;

/// <summary>What a listener to the meter "Sequor" is told of steps, and that it costs no memory.</summary>
[NonParallelizable]
public sealed class StepMeterTests
{
    private const int T = 5;
    private const int B = 3;

    [Test]
    public void A_listener_hears_of_steps_tokens_times_and_bytes()
    {
        using Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using var run = new Run(backend);
        using var heard = new Heard();
        run.Graph.Run();
        run.Graph.Run();
        heard.Listener.RecordObservableInstruments();

        Assert.That(heard.Sum("sequor.steps"), Is.EqualTo(2));
        Assert.That(heard.Sum("sequor.tokens"), Is.EqualTo(2 * T * B));
        Assert.That(heard.Count("sequor.step.duration"), Is.EqualTo(2));
        Assert.That(heard.Sum("sequor.step.duration"), Is.Positive);
        Assert.That(heard.Devices, Is.EquivalentTo(new[] { "cpu" }));
        // Other backends of the process have memory too.
        Assert.That(
            heard.Sum("sequor.memory.allocated"),
            Is.GreaterThanOrEqualTo(backend.Memory.CurrentBytes)
        );
    }

    [Test]
    public void A_step_within_a_step_is_part_of_it()
    {
        using Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using var run = new Run(backend);
        using var outer = new StepGraph(run.Plan, run.Graph.Run);
        using var heard = new Heard();
        outer.Run();
        Assert.That(heard.Sum("sequor.steps"), Is.EqualTo(1));
        Assert.That(heard.Sum("sequor.tokens"), Is.EqualTo(T * B));
    }

    [Test]
    public void Lengths_count_their_steps_and_no_padding()
    {
        using Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using var run = new Run(backend, [2, 5, 1]);
        using var heard = new Heard();
        run.Graph.Run();
        Assert.That(heard.Sum("sequor.tokens"), Is.EqualTo(8));
    }

    [Test]
    public void A_step_that_is_heard_of_allocates_nothing()
    {
        using Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using var run = new Run(backend);
        using var heard = new Heard(keeps: false);
        Assert.That(Allocated.Least(run.Graph.Run), Is.Zero);
    }

    [Test]
    public void What_an_event_listener_of_dotnet_counters_is_sent_names_the_instruments()
    {
        using Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using var run = new Run(backend);
        using var events = new CounterEvents();
        run.Graph.Run();
        Assert.That(
            () => events.Instruments,
            Is.SupersetOf(
                    new[]
                    {
                        "sequor.steps",
                        "sequor.tokens",
                        "sequor.step.duration",
                        "sequor.memory.allocated",
                    }
                )
                .After(20_000, 50)
        );
    }

    private sealed class Run : IDisposable
    {
        private readonly Sequential _model = new(new Gru(2, 4), new Linear(4, 1));
        private readonly MeanSquaredError _loss;
        private readonly Sgd _optimizer;

        public Run(Backend backend, int[]? lengths = null)
        {
            Plan = _model.Plan(
                backend,
                T,
                B,
                Mode.Training,
                new PlanOptions { VariableLengths = lengths is not null }
            );
            _loss = new MeanSquaredError(Plan);
            _optimizer = new Sgd(Plan, 0.01f);
            Plan.SetInput(new Draw(1).Uniform(T * B * 2), T, B, lengths);
            _loss.SetTargets(new Draw(2).Uniform(T * B));
            Graph = new StepGraph(
                Plan,
                () =>
                {
                    Plan.Forward(Plan.Input(T, B));
                    Plan.Backward(_loss.Compute());
                    _optimizer.Step();
                }
            );
        }

        public Plan Plan { get; }
        public StepGraph Graph { get; }

        public void Dispose()
        {
            Graph.Dispose();
            _optimizer.Dispose();
            _loss.Dispose();
            Plan.Dispose();
            _model.Dispose();
        }
    }

    // Listens to the meter as a program's own exporter would.
    private sealed class Heard : IDisposable
    {
        private readonly Dictionary<string, (int Count, double Sum)> _sums = [];
        private readonly HashSet<string> _devices = [];

        public Heard(bool keeps = true)
        {
            Listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "Sequor")
                    listener.EnableMeasurementEvents(instrument);
            };
            if (keeps)
            {
                Listener.SetMeasurementEventCallback<long>((i, v, tags, _) => Keep(i, v, tags));
                Listener.SetMeasurementEventCallback<double>((i, v, tags, _) => Keep(i, v, tags));
            }
            Listener.Start();
        }

        public MeterListener Listener { get; } = new();

        public IEnumerable<string> Devices => _devices;

        public double Sum(string name) => _sums[name].Sum;

        public int Count(string name) => _sums[name].Count;

        private void Keep(
            Instrument instrument,
            double value,
            ReadOnlySpan<KeyValuePair<string, object?>> tags
        )
        {
            (int count, double sum) = _sums.GetValueOrDefault(instrument.Name);
            _sums[instrument.Name] = (count + 1, sum + value);
            foreach ((string key, object? tag) in tags)
            {
                if (key == "device")
                    _devices.Add((string)tag!);
            }
        }

        public void Dispose() => Listener.Dispose();
    }
}
