using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Rows of sequences of falling length, without padding, as cuDNN's packed layout has them.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Recurrent))]
internal sealed class PackedTests(int bits, int threads, bool sharesUnits)
{
    private CpuBackend Backend => Backends.Get(bits, threads, sharesUnits);

    private static readonly RecurrentCase[] Cases =
    [
        new(RecurrentKind.Tanh, 1, 1, 1, 1, 1, true, RecurrentBias.DoubleBias, [1], true),
        new(RecurrentKind.Tanh, 6, 7, 3, 2, 2, false, RecurrentBias.DoubleBias, Falling(7), true),
        new(
            RecurrentKind.Relu,
            3,
            5,
            2,
            17,
            2,
            true,
            RecurrentBias.SingleInputBias,
            [3, 3, 3, 3, 3],
            true
        ),
        new(RecurrentKind.Linear, 6, 9, 2, 3, 2, true, RecurrentBias.DoubleBias, Falling(9), true),
        new(RecurrentKind.Lstm, 5, 1, 3, 4, 2, true, RecurrentBias.DoubleBias, [5], true),
        new(RecurrentKind.Lstm, 6, 9, 2, 3, 2, true, RecurrentBias.DoubleBias, Falling(9), true),
        new(RecurrentKind.Lstm, 1, 4, 2, 5, 1, false, RecurrentBias.NoBias, [1, 1, 1, 1], false),
        new(RecurrentKind.Gru, 6, 6, 3, 5, 2, true, RecurrentBias.DoubleBias, Falling(6), true),
        new(RecurrentKind.Gru, 4, 3, 1, 33, 1, false, RecurrentBias.DoubleBias, [4, 1, 1], false),
    ];

    // From 6 steps to 1, with ties and several ones.
    private static int[] Falling(int batch) =>
        [.. Enumerable.Range(0, batch).Select(b => Math.Max(1, 6 - b / 2 * 2 - b / 3))];

    private static readonly RecurrentCase[] AllPacked =
    [
        .. Cases.Select(c => c with { Packed = true }),
        .. Cases
            .Where(c => c.States && c.Batch > 1)
            .Select(c =>
                c with
                {
                    Packed = true,
                    // Not its own inverse, so that the two cannot be taken for each other.
                    Order = [.. Enumerable.Range(0, c.Batch).Select(b => (b + 2) % c.Batch)],
                }
            ),
    ];

    [TestCaseSource(nameof(AllPacked))]
    public void OutputsStatesAndGradientsMatchTheReference(RecurrentCase c) =>
        RecurrentExpectation.Check(c, RecurrentRun.On(Backend, c));

    [TestCaseSource(nameof(Cases))]
    public void PaddedRowsOfTheSameOrderGiveTheSameBits(RecurrentCase c)
    {
        RecurrentRun padded = RecurrentRun.On(Backend, c);
        RecurrentRun packed = RecurrentRun.On(Backend, c with { Packed = true });

        Close.CheckBits(packed.Y, padded.Y, "y");
        Close.CheckBits(packed.FinalHidden, padded.FinalHidden, "final hidden");
        Close.CheckBits(packed.FinalCell, padded.FinalCell, "final cell");
        foreach (string name in padded.Gradients.Keys)
            Close.CheckBits(packed.Gradients[name], padded.Gradients[name], name);
    }

    [TestCaseSource(nameof(AllPacked))]
    public void EvaluationGivesTheSameOutputsAndStates(RecurrentCase c)
    {
        RecurrentRun trained = RecurrentRun.On(Backend, c);
        RecurrentRun evaluated = RecurrentRun.On(Backend, c, training: false);

        Close.CheckBits(evaluated.Y, trained.Y, "y");
        Close.CheckBits(evaluated.FinalHidden, trained.FinalHidden, "final hidden");
        Close.CheckBits(evaluated.FinalCell, trained.FinalCell, "final cell");
    }

    [Test]
    public void PackedRowsTakeNoRoomForCopies()
    {
        RecurrentDescriptor d = Cases[4].Descriptor with { Training = true };
        using RecurrentOperation padded = Backend.PlanRecurrent(d);
        using RecurrentOperation packed = Backend.PlanRecurrent(
            d with
            {
                DataLayout = RecurrentDataLayout.SeqMajorPacked,
            }
        );
        using RecurrentOperation full = Backend.PlanRecurrent(d with { VariableLengths = false });
        Assert.Multiple(() =>
        {
            Assert.That(packed.ReserveCount, Is.LessThan(padded.ReserveCount));
            Assert.That(packed.ReserveCount, Is.EqualTo(full.ReserveCount));
            Assert.That(packed.WorkspaceCount, Is.EqualTo(full.WorkspaceCount));
        });
    }

    [TestCase(new[] { 0, 3, 1 }, "place 1 is 3")]
    [TestCase(new[] { -1, 1, 2 }, "place 0 is -1")]
    [TestCase(new[] { 0, 1 }, "place 2 is missing")]
    public void AnOrderThatLeavesTheBatchIsRefused(int[] order, string message)
    {
        var c = new RecurrentCase(
            RecurrentKind.Tanh,
            2,
            3,
            1,
            2,
            1,
            false,
            RecurrentBias.NoBias,
            [2, 1, 1],
            false
        )
        {
            Packed = true,
            Order = order,
        };
        Assert.That(
            () => RecurrentRun.On(Backend, c),
            Throws.ArgumentException.With.Message.Contains(message)
        );
    }

    private static readonly (int[] Lengths, int Batch, int Rows, string Message)[] Refused =
    [
        ([2, 3], 0, 5, "sequence 0 has 2 steps, sequence 1 has 3"),
        ([3, 1, 2], 0, 6, "sequence 1 has 1 step, sequence 2 has 2"),
        ([3, 0], 0, 3, "sequence 1 must be 1 to 4, not 0"),
        ([5, 1], 0, 6, "sequence 0 must be 1 to 4, not 5"),
        ([3, 2], 0, 6, "x must be [5, 1, 2], not [6, 1, 2]"),
        ([3, 2, 1], 2, 6, "x must be [5, 1, 2], not [6, 1, 2]"),
        ([1, 1, 1, 1], 0, 4, "1 to 3 sequences here, not 4"),
        ([1, 1], 3, 3, "1 to 2 sequences here, not 3"),
        ([], 0, 1, "not 0"),
    ];

    [Test]
    public void WhatIsNoPackedBatchIsRefused()
    {
        using RecurrentOperation operation = Backend.PlanRecurrent(
            new RecurrentDescriptor(RecurrentKind.Gru, 2, 3)
            {
                MaxLength = 4,
                MaxBatch = 3,
                DataLayout = RecurrentDataLayout.SeqMajorPacked,
            }
        );
        using Storage storage = Backend.Allocate(
            4096 + operation.ReserveCount + operation.WorkspaceCount,
            MemoryCategory.Workspace
        );
        Assert.Multiple(() =>
        {
            foreach ((int[]? lengths, int batch, int rows, string message) in Refused)
            {
                Assert.That(
                    () =>
                        operation.Forward(
                            new RecurrentOperands
                            {
                                X = new Tensor(storage, 0, new Shape(rows, 1, 2)),
                                Y = new Tensor(storage, 0, new Shape(rows, 1, 3)),
                                Parameters = new Tensor(storage, 0, new Shape(1024)),
                                Lengths = lengths,
                                PackedBatch = batch,
                                Reserve = new Tensor(storage, 0, new Shape(1)),
                                Workspace = new Tensor(storage, 0, new Shape(1)),
                            }
                        ),
                    Throws.ArgumentException.With.Message.Contains(message)
                );
            }
        });
    }

    [Test]
    public void OnlyTheFirstLengthsCountWhereTheBatchIsSaid()
    {
        RecurrentDescriptor d = new(RecurrentKind.Tanh, 1, 1)
        {
            MaxLength = 2,
            MaxBatch = 3,
            DataLayout = RecurrentDataLayout.SeqMajorPacked,
            Bias = RecurrentBias.NoBias,
        };
        using RecurrentOperation operation = Backend.PlanRecurrent(d);
        using Storage storage = Backend.Allocate(
            64 + operation.ReserveCount + operation.WorkspaceCount,
            MemoryCategory.Workspace
        );
        var x = new Tensor(storage, 0, new Shape(3, 1, 1));
        var y = new Tensor(storage, 16, new Shape(3, 1, 1));
        var parameters = new Tensor(storage, 32, new Shape(2));
        x.Write([0.5f, -0.25f, 1f]);
        parameters.Write([1f, 0f]);
        operation.Forward(
            new RecurrentOperands
            {
                X = x,
                Y = y,
                Parameters = parameters,
                Lengths = [2, 1, 7],
                PackedBatch = 2,
                Reserve = new Tensor(storage, 64, Shape.Block(operation.ReserveCount)),
                Workspace = new Tensor(
                    storage,
                    64 + operation.ReserveCount,
                    Shape.Block(operation.WorkspaceCount)
                ),
            }
        );
        Close.Check(
            y.ToArray(),
            [Math.Tanh(0.5), Math.Tanh(-0.25), Math.Tanh(1)],
            Close.Output,
            "y"
        );
    }
}
