using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Tests.Workloads;
using Sequor.Workloads;

namespace Sequor.Tests.Training;

/// <summary>Steps of training over finite and endless sets allocate nothing once the plan is there.</summary>
[TestFixture]
[NonParallelizable]
public sealed class EpochAllocationTests
{
    [Test]
    public void A_step_allocates_nothing(
        [Values(1, 3)] int batch,
        [Values("tcn", "lstm")] string arch
    )
    {
        MusicDataset data = Many(400);
        using Sequential model = Tiny.Model(arch, 0.2f);
        using Trainer trainer = Tiny.Trainer(
            model,
            Tiny.Options with
            {
                Batch = batch,
                Clip = 1f,
            },
            data: data
        );
        long native = 0;

        long bytes = Allocated.Least(() =>
        {
            for (int i = 0; i < 5; i++)
                trainer.TrainStep();
            native = Backends.Get(256, 2).Memory.Allocations;
        });

        Assert.That(trainer.Step, Is.LessThan(trainer.StepsPerEpoch), "all within an epoch");
        Assert.That(bytes, Is.Zero);
        trainer.TrainStep();
        Assert.That(Backends.Get(256, 2).Memory.Allocations, Is.EqualTo(native));
    }

    [Test]
    public void A_step_of_an_endless_set_allocates_nothing_nor_does_reading_losses()
    {
        using var model = new Sequential(new Gru(2, 3), new Last(3), new Linear(3, 1));
        using var trainer = new Trainer(
            model,
            new AddingProblem(8),
            validation: null,
            Backends.Get(256, 2),
            plan => new Adam(plan, 0.01f),
            new TrainingOptions { Batch = 4, LogEvery = 3 }
        );
        float sum = 0;
        trainer.LossRead = (_, loss) => sum += loss;
        trainer.TrainStep();
        long native = Backends.Get(256, 2).Memory.Allocations;

        long bytes = Allocated.Least(() =>
        {
            for (int i = 0; i < 9; i++)
                trainer.TrainStep();
        });

        Assert.That(bytes, Is.Zero);
        Assert.That(Backends.Get(256, 2).Memory.Allocations, Is.EqualTo(native));
        Assert.That(sum, Is.Positive);
    }

    private static MusicDataset Many(int pieces)
    {
        var mat = new MatWriter();
        byte[][] rolls =
        [
            .. Enumerable.Range(0, pieces).Select(i => mat.Roll(Songs.Roll(3 + (i % 7), (ulong)i))),
        ];
        return MusicDataset.From(
            MatFile.Parse(
                mat.File(
                    mat.Cells("traindata", rolls),
                    mat.Cells("validdata", rolls[0]),
                    mat.Cells("testdata", rolls[0])
                ),
                "many.mat"
            )
        );
    }
}
