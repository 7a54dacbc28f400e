using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.VirtualGpu;

namespace Sequor.Tests.Cuda.Tuning;

/// <summary>Candidates that want more scratch than there is are left out, and the others are measured.</summary>
[TestFixture]
public sealed class TuningRaceTests : TuningFixture
{
    [Test]
    public void A_candidate_that_wants_too_much_is_left_out([Values] bool allocationFails)
    {
        using CudaBackend backend = Backend();
        long much = allocationFails ? 1 << 20 : (3L << 30) / sizeof(float);
        var task = new Filling(backend, much)
        {
            // The next allocation is that of the scratch.
            Opened = () => Device.FailAllocation(allocationFails ? 1 : 0),
        };
        using var memory = new TuningMemory(backend);
        var budget = new TuningBudget(
            TimeProvider.System,
            TimeSpan.FromMinutes(1),
            TimeSpan.FromMinutes(1)
        );
        TuningRace.Result result = new TuningRace(backend, task, budget, memory).Run();
        Assert.Multiple(() =>
        {
            Assert.That(result.Choice, Is.EqualTo("plain"));
            Assert.That(result.Microseconds.Keys, Is.EqualTo(new[] { "plain" }));
            Assert.That(result.Refused["greedy"], Does.Contain("no memory for its"));
            Assert.That(result.IsForOthers, Is.False, "there may be more memory next time");
        });
    }

    /// <summary>Fills some values; one of its candidates wants much scratch for that.</summary>
    private sealed class Filling(CudaBackend backend, long much) : TuningTask
    {
        public Action Opened { get; init; } = () => { };

        public override string Kind => "filling";

        public override string Shape => "";

        public override string Plainest => "plain";

        public override IReadOnlyList<string> Candidates => ["greedy", "plain"];

        public override void Prepare(TuningMemory memory) =>
            Outputs = [new TuningOutput("the values", memory.Room(new Shape(5)), 0)];

        public override TuningTrial Open(string candidate)
        {
            Opened();
            return new Trial(backend, Outputs[0].Values, candidate == "greedy" ? much : 1);
        }
    }

    private sealed class Trial(CudaBackend backend, Tensor values, long scratch) : TuningTrial
    {
        public override long WorkspaceCount => scratch;

        public override void Run(Tensor workspace, Tensor reserve) => backend.Fill(values, 2);
    }
}
