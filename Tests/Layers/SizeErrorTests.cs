using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Sizes so large that products of them leave 32 or 64 bits: refused at once, where they are given.</summary>
public sealed class SizeErrorTests
{
    private const int Most = int.MaxValue;

    // Four gates of it wrap to 0.
    private const int Quarter = 1 << 30;

    private static readonly Refusal[] Layers =
    [
        .. new[] { Quarter, Most, Most / 3 + 1, 1 << 29, 24_000 }.Select(size =>
            Size(
                $"lstm of {size} units",
                () => new Lstm(2, size),
                "hidden units",
                "a layer can have"
            )
        ),
        Size("gru of too many units", () => new Gru(2, Most), "hiddenSize"),
        Size("rnn of too many units", () => new Rnn(2, Most), "hiddenSize"),
        Size("rnn from too many channels", () => new Rnn(Most, Most), "hiddenSize"),
        Size("gru from too many channels", () => new Gru(Most, 1), $"{Most} channels"),
        Size(
            "lstm both ways",
            () => new Lstm(2, 14_000, new RecurrentOptions { Bidirectional = true, Layers = 2 }),
            "14000 hidden units"
        ),
        Size(
            "lstm of too many units, projected",
            () => new Lstm(1, Most, new RecurrentOptions { ProjectionSize = 1 }),
            "hiddenSize"
        ),
        Size(
            "lstm projected to too many",
            () => new Lstm(1, Most, new RecurrentOptions { ProjectionSize = Most - 1 }),
            "hiddenSize"
        ),
        Size("rnn of too many layers", () => new Rnn(1, 1, Most), "1 to 65536"),
        Size("rnn of too many wide layers", () => new Rnn(1, 1024, 65536), "1024 hidden units"),
        Size(
            "linear of too many weights",
            () => new Linear(Most, Most),
            $"Linear {Most} -> {Most}"
        ),
        Size("linear of one too many", () => new Linear(1, Quarter), "2,147,483,648"),
        Size("embedding of too many columns", () => new Embedding(1 << 24, 129), "columns"),
        Size("layer norm of too many channels", () => new LayerNorm(Most), $"{Most} channels"),
        Size("batch norm of too many channels", () => new BatchNorm(Most / 2), "channels"),
        Size("tcn block to too many", () => new TcnBlock(1, Most, 2, 1), "2 taps"),
        Size("tcn block from too many", () => new TcnBlock(Most, 1, 2, 1), "2 taps"),
        Size("tcn block of too many taps", () => new TcnBlock(2, 2, Most, 1), $"{Most} taps"),
        Size("tcn block of more taps", () => new TcnBlock(2, 2, Quarter, 1), $"{Quarter} taps"),
        Size(
            "tcn block that looks too far back",
            () => new TcnBlock(2, 2, 3, Quarter),
            "look back"
        ),
        Size("tcn of too wide a level", () => new Tcn(2, [4, Most], 2), "taps"),
        Size(
            "tcn that looks too far back",
            () => new Tcn(1, [.. Enumerable.Repeat(1, 30)], 8),
            "look back"
        ),
        Size("lru block of too many channels", () => new LruBlock(Most, 1), "modelSize"),
        Size("lru block of half as many", () => new LruBlock(Quarter, 1), "modelSize"),
        Size("lru block of too many states", () => new LruBlock(1, Most), "stateSize"),
        Size("lru block of both", () => new LruBlock(Most, Most), "channels"),
        Size(
            "lru block of too many states, both ways",
            () => new LruBlock(2, Quarter, new LruOptions { Bidirectional = true }),
            "stateSize"
        ),
        Size("s5 block of too many channels", () => new S5Block(Most, 1), "modelSize"),
        Size("s5 block of too many states", () => new S5Block(1, Most), "stateSize"),
        Size("s5 of too many blocks", () => new S5(1, 1, 1, Most), "1 to 65536"),
        Size("s4d of too many channels", () => new S4D(Most, 1), "modelSize"),
        Size("s4d of too many states", () => new S4D(1, Most), "stateSize"),
        Size("dss of too many channels", () => new Dss(Most, 1), "modelSize"),
        Size("dss of too many states", () => new Dss(1, Most), "stateSize"),
        Size("lru of too many blocks", () => new Lru(1, 1, 1, Most), "1 to 65536"),
        Refusal.Of<ArgumentException>(
            "layers that are too many together",
            () =>
                new Sequential([.. Enumerable.Range(0, 3).Select(_ => new Linear(30_000, 30_000))]),
            "2,700,090,000",
            "2,147,483,591"
        ),
    ];

    private static Refusal Size(string name, Action act, params string[] says) =>
        Refusal.Of<ArgumentOutOfRangeException>(name, act, says);

    [TestCaseSource(nameof(Layers))]
    public void Of_a_layer(Refusal refusal) => refusal.Check();

    private static IEnumerable<Recurrent> Recurrents()
    {
        foreach (bool both in new[] { false, true })
        {
            foreach (RecurrentBias bias in Enum.GetValues<RecurrentBias>())
            {
                var options = new RecurrentOptions
                {
                    Layers = both ? 3 : 1,
                    Bidirectional = both,
                    Bias = bias,
                };
                yield return new Rnn(3, 5, options);
                yield return new Gru(3, 5, options);
                yield return new Lstm(3, 5, options);
                yield return new Lstm(3, 5, options with { ProjectionSize = 2 });
            }
        }
    }

    [TestCaseSource(nameof(Recurrents))]
    public void The_count_that_is_checked_is_the_count_of_the_parameters(Recurrent layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        Assert.That((long)layer.CountedValues, Is.EqualTo(layer.ParameterCount));
    }

    private static readonly (int Length, int Batch)[] Huge =
    [
        (Most, 512),
        (512, Most),
        (Most, Most),
        (1 << 20, 1 << 20),
    ];

    [Test]
    public void Of_a_plan([ValueSource(typeof(Models), nameof(Models.Kinds))] string kind)
    {
        using var backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 3 });
        using Layer model = Models.Small(kind);
        // Rows that other layers take keep places for each step, and for each sequence.
        (int, int)[] sizes = model is Recurrent ? [.. Huge, (Most, 1), (1, Most)] : Huge;
        foreach ((int length, int batch) in sizes)
        {
            foreach (Mode mode in Enum.GetValues<Mode>())
            {
                foreach (bool option in new[] { false, true })
                    Refuse(backend, model, length, batch, mode, option);
            }
        }
    }

    private static void Refuse(
        Backend backend,
        Layer model,
        int length,
        int batch,
        Mode mode,
        bool option
    )
    {
        bool whole = mode != Mode.Streaming;
        Assert.That(
            () =>
                model.Plan(
                    backend,
                    length,
                    batch,
                    mode,
                    new PlanOptions
                    {
                        InputGradient = option && mode == Mode.Training,
                        VariableLengths = option && whole,
                        States = option && whole && model is Recurrent,
                    }
                ),
            Throws.TypeOf<DeviceMemoryException>(),
            $"{length} x {batch}, {mode}, {option}"
        );
        Assert.That(backend.Memory.CurrentBytes, Is.Zero);
        Assert.That(model.Store, Is.Null);
    }

    // Rows times channels are within 64 bits here; what operations take for them is not.
    [Test]
    public void Of_an_operation()
    {
        using var backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 3 });
        foreach (int projection in new[] { 0, 1 })
        {
            var recurrent = new RecurrentDescriptor(RecurrentKind.Lstm, 1, 500_000_000)
            {
                ProjectionSize = projection,
                Training = true,
                MaxLength = 1 << 20,
                MaxBatch = 1 << 20,
            };
            Assert.That(() => backend.PlanRecurrent(recurrent), Throws.TypeOf<OverflowException>());
        }
        Assert.That(
            () =>
                backend.PlanDiagonalScan(new DiagonalScanDescriptor(Most, 1, Most)).WorkspaceCount,
            Throws.TypeOf<OverflowException>()
        );
        Assert.That(
            () =>
                backend.PlanConvolution(
                    new ConvolutionDescriptor(Most, Most, Most, 1, 1, 1, true, true)
                ),
            Throws.TypeOf<OverflowException>()
        );
        Assert.That(
            () => backend.BitCount(new Shape(Most, Most, 3)),
            Throws.TypeOf<OverflowException>()
        );
        Assert.That(backend.Memory.CurrentBytes, Is.Zero);
    }

    [Test]
    public void Of_a_block()
    {
        Assert.That(() => Shape.Block(long.MaxValue), Throws.TypeOf<OverflowException>());
        Assert.That(() => Shape.Block(1L << 41), Throws.TypeOf<OverflowException>());
        Assert.That(Shape.Block((1L << 40) + 1).Count, Is.EqualTo((1L << 40) + 1024));
        using var backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        Assert.That(() => backend.Align(long.MaxValue), Throws.TypeOf<OverflowException>());
        Assert.That(() => backend.BytesOf(long.MaxValue / 4), Throws.TypeOf<OverflowException>());
        Assert.That(
            () => backend.Allocate(long.MaxValue, MemoryCategory.Workspace),
            Throws.TypeOf<DeviceMemoryException>()
        );
        Assert.That(
            () => backend.Allocate(1L << 50, MemoryCategory.Workspace),
            Throws.TypeOf<DeviceMemoryException>()
        );
        Assert.That(backend.Memory.CurrentBytes, Is.Zero);
    }
}
