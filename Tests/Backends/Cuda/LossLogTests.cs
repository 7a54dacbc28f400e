using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Cuda;

/// <summary>What a step of the training loop costs the host: it reads nothing back and waits for nothing, until losses are read.</summary>
[TestFixture]
[VirtualGpuOnly]
public sealed class LossLogTests : CudaFixture
{
    private const int Every = 5;

    [Test]
    public void No_step_reads_or_waits_but_the_one_at_which_all_losses_are_read(
        [Values] bool epochs
    )
    {
        using Sequential model = Model();
        using Trainer trainer = Trainer(model, Every, epochs);
        var told = new List<long>();
        trainer.LossRead = (step, _) => told.Add(step);
        VirtualGpu.VirtualDevice device = RequireVirtual();
        for (int step = 1; step <= 4 * Every; step++)
        {
            device.Counts.Reset();
            trainer.TrainStep();

            bool reads = step % Every == 0;
            // Of the first steps, what libraries and the recording ask for.
            if (step > 3)
                Assert.That(device.Counts.Waits > 0, Is.EqualTo(reads), $"waits of step {step}");
            Assert.That(
                device.Counts.BytesDeviceToHost,
                // The losses, and the norms.
                Is.EqualTo(reads ? 2 * Every * sizeof(float) : 0),
                $"bytes read at step {step}"
            );
            Assert.That(told, Has.Count.EqualTo(step / Every * Every));
        }
        Assert.That(told, Is.EqualTo(Enumerable.Range(1, 4 * Every)));
    }

    [Test]
    public void Losses_read_together_are_those_read_one_by_one([Values] bool epochs)
    {
        using Sequential model = Model();
        using Trainer together = Trainer(model, 7, epochs);
        using Sequential same = Model();
        using Trainer alone = Trainer(same, 1, epochs);
        var losses = new List<float>();
        together.LossRead = (_, loss) => losses.Add(loss);
        var expected = new List<float>();
        for (int step = 0; step < 17; step++)
        {
            together.TrainStep();
            alone.TrainStep();
            expected.Add(alone.ReadLoss());
            Assert.That(alone.ReadLoss(), Is.EqualTo(expected[^1]), "read again");
        }
        together.ReadLosses();

        Assert.That(losses, Is.EqualTo(expected));
    }

    [Test]
    public void A_step_that_diverged_long_before_is_told_with_its_number([Values] bool epochs)
    {
        using Sequential model = Model();
        using Trainer trainer = Trainer(model, 100, epochs);
        var told = new List<long>();
        trainer.LossRead = (step, _) => told.Add(step);
        for (int step = 0; step < 4; step++)
            trainer.TrainStep();
        string name = model.NamedParameters().Last().Name;
        Tensor bias = trainer.Plan.Parameter(name);
        float[] kept = bias.ToArray();
        bias.Write([.. Enumerable.Repeat(float.NaN, kept.Length)]);
        trainer.TrainStep();
        bias.Write(kept);
        for (int step = 0; step < 3; step++)
            trainer.TrainStep();

        var error = Assert.Throws<DivergedException>(trainer.ReadLosses);

        Assert.That(error.Step, Is.EqualTo(5));
        Assert.That(
            error.Message,
            Does.StartWith(
                    $"at step 5{(epochs ? " of epoch 1" : "")} the loss is NaN, which is not"
                )
                .And.Contain("none found any more")
        );
        Assert.That(told, Is.EqualTo(new long[] { 1, 2, 3, 4 }), "those before are told");
    }

    [Test]
    public void A_checkpoint_after_a_step_that_diverged_is_refused()
    {
        string path = Path.Combine(Path.GetTempPath(), $"sequor-{Guid.NewGuid():N}");
        using Sequential model = Model();
        using Trainer trainer = Trainer(model, 100, epochs: false);
        string name = model.NamedParameters().Last().Name;
        Tensor bias = trainer.Plan.Parameter(name);
        float[] kept = bias.ToArray();
        bias.Write([.. Enumerable.Repeat(float.PositiveInfinity, kept.Length)]);
        trainer.TrainStep();
        bias.Write(kept);
        trainer.TrainStep();

        Assert.That(
            () => trainer.Save(path, new Dictionary<string, string>()),
            Throws.TypeOf<DivergedException>().With.Property("Step").EqualTo(1)
        );
        Assert.That(File.Exists(path), Is.False);
    }

    private static Sequential Model() => new(new Gru(2, 5), new Last(5), new Linear(5, 1));

    private Trainer Trainer(Layer model, int every, bool epochs) =>
        new(
            model,
            epochs ? new AddingProblem(6).Part(1, 0, 200) : new AddingProblem(6),
            validation: null,
            Gpu,
            plan => new Adam(plan, 0.01f),
            new TrainingOptions
            {
                Batch = 4,
                Clip = 1f,
                LogEvery = every,
            }
        );
}
