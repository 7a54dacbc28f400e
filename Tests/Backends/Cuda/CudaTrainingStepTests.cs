using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Cuda;

/// <summary>The step that bench measures, on CUDA: its parts' times come from within the graph.</summary>
[TestFixture]
public sealed class CudaTrainingStepTests : CudaFixture
{
    [Test]
    public void Times_of_a_replayed_step_are_those_of_its_parts(
        [Values("rnn", "lstm", "gru", "tcn", "lru")] string name,
        [Values] bool graph
    )
    {
        Architecture architecture = Architecture.Get(name);
        using var step = new TrainingStep(
            new Workload(architecture, new AddingProblem(9), 4, 6, 1),
            new CudaBackend(Context, Stream, new BackendOptions { Graphs = graph }),
            seed: 1
        );
        for (int i = 0; i < 3; i++)
            step.Run();
        for (int i = 0; i < 3; i++)
        {
            StepTime time = step.RunTimed();
            Assert.That(time.Forward, Is.Positive);
            Assert.That(time.Backward, Is.Positive);
            Assert.That(time.Optimizer, Is.Positive);
            Assert.That(
                time.Whole,
                Is.EqualTo(time.Forward + time.Backward + time.Optimizer).Within(1e-3)
            );
        }

        Assert.That(step.ReadLoss(), Is.Positive);
        Assert.That(step.Graph.Replays, Is.EqualTo(graph ? 4 : 0));
        Assert.That(
            step.Graph.EagerReason,
            graph ? Is.Null : Is.EqualTo("graphs are switched off")
        );
    }
}
