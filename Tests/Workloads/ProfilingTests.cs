using NUnit.Framework;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>How many steps come before those of a profile.</summary>
[TestFixture]
public sealed class ProfilingTests
{
    // Steps of microseconds: three of them are over long before the runtime could have compiled anything anew.
    [TestCase(null, 3, 3)]
    [TestCase(15, 4, int.MaxValue)]
    public void Steps_of_warm_up_go_on_until_code_has_settled_unless_their_number_was_asked_for(
        int? limit,
        int least,
        int most
    )
    {
        var workload = new Workload(Architecture.Get("gru"), new AddingProblem(3), 1, 2, 1);
        Profiled? profiled = null;
        Sequor.Workloads.Profiling.Run(
            [workload],
            () => Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 }),
            new MeasurementOptions
            {
                Warmup = 3,
                Steps = 2,
                WarmupLimit = limit is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            },
            measured: one => profiled = one
        );
        Assert.That(profiled!.Warmup, Is.InRange(least, most));
    }
}
