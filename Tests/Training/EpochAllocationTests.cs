using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Tests.Workloads;
using Sequor.Workloads;

namespace Sequor.Tests.Training;

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
        using EpochTrainer trainer = Tiny.Trainer(
            model,
            new EpochOptions { Batch = batch, Clip = 1f },
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
