using Sequor.Workloads;

namespace Sequor.FirstContact;

/// <summary>The checks in the order in which they run: the cheapest that decides most comes first.</summary>
internal static class AllChecks
{
    public static IReadOnlyList<Check> InOrder { get; } =
    [
        new LibrariesCheck(),
        new BackendCheck(),
        .. Architecture.Compared.Select(a => new TinyStepCheck(a)),
        new OnesCheck(),
        new ReplayCheck(),
        new FixtureCheck(
            "operations",
            "every operation agrees with the CPU backend",
            "Product|Convolution|Scan|Norm|Loss|Pointwise|Optimizer|Sequence|Embedding|Tf32|CudaModel|CudaUpload|CudaAlias",
            "CudaPointwiseTests"
        ),
        new FixtureCheck(
            "recurrent",
            "recurrent layers with all options, packed, and over 5000 steps, agree with the CPU",
            "CudaRecurrentTests|CudaStateOrder|CudaContainer|CudaFlow",
            "CudaStateOrderTests"
        ),
        new FixtureCheck(
            "graphs",
            "captured steps read nothing of the host, and are replayed as they run, also after another shape; batches on a second stream",
            "StepGraph|StepCapture|CudaLossGraph|CallCount|CudaRecurrentFallback|Batches_that_come_beside",
            "CudaLossGraphTests|A_captured_step_reads_nothing_of_the_host"
        ),
        new FixtureCheck(
            "dropout",
            "dropout's masks and checkpoints are those of the CPU",
            "CudaRandom|CudaRecurrentDropout|CudaRecurrentCheckpoint|CudaTraining",
            "CudaRandomTests"
        ),
        new BandwidthCheck(),
        new MatrixRateCheck(),
        new BenchCheck(),
        new PeerCheck(),
        new RepeatCheck(),
        new SanitizerCheck(),
    ];
}
