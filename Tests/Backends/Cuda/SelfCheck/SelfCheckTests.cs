using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;
using Sequor.VirtualGpu;
using Sequor.Workloads;

namespace Sequor.Tests.Cuda;

/// <summary>A GPU's self-check finds what is wrong with it, part by part, and nothing where nothing is.</summary>
[TestFixture]
[VirtualGpuOnly]
internal sealed class SelfCheckTests : CudaFixture
{
    // Copies of batches and of what the host reads, the ends of graphs, and what cannot be made wrong.
    private static readonly string[] LeftAlone =
    [
        "copy host to device",
        "copy device to host",
        "graph begin",
        "graph end",
        // The virtual cuDNN itself finds that what it gave was changed before it comes back.
        "cudnnRNNForward",
    ];

    private static readonly TimeSpan Long = TimeSpan.FromMinutes(5);

    private static IEnumerable<TestCaseData> Steps =>
        from model in SelfCheckModel.All
        from graph in (bool[])[false, true]
        select new TestCaseData(model.Name, graph);

    [Test]
    public void Every_part_holds_on_a_device_that_is_right()
    {
        SelfCheckReport report = SelfCheck.Run(Libraries.Device());

        Assert.That(report.Passed, report.Verdict);
        Assert.That(report.Checks, Has.Count.EqualTo(3 + 3 + 2 * SelfCheckModel.All.Count));
        Assert.That(report.Checks.Select(c => c.Name), Is.Unique);
        Assert.That(report.Checks.Select(c => c.LoadSeconds), Has.All.Positive);
    }

    [Test]
    public void A_model_is_trained_for_each_architecture_that_is_compared() =>
        Assert.That(
            SelfCheckModel.All.Select(m => m.Name),
            Is.EqualTo(Architecture.Compared.Select(a => a.Name))
        );

    [Test]
    public void Products_that_are_wrong_are_found([Values] ProductMath mode)
    {
        RequireVirtual().Distorted = new Distortion("cublasSgemm", OnlyReplayed: false);
        using var gpu = new CudaBackend(
            Context,
            Stream,
            new CudaOptions
            {
                Math = mode == ProductMath.Tf32 ? FloatMath.Tf32 : FloatMath.Fp32,
                Products = mode,
            }
        );

        CheckResult found = Check(() => new ProductsOfOnes(gpu, mode));

        Assert.That(found.Passed, Is.False);
        Assert.That(found.Name, Does.StartWith("products of ones"));
        Assert.That(found.Detail, Does.Match(@"value \[0, 0\] is \d+(\.\d+)?, not 19200$"));
    }

    // The product's value or, of a bias's gradient, the sum beside it.
    [TestCase("CUBLASLT_EPILOGUE_BIAS", @"^bias of \d+ x \d+ x \d+: value \d+ is ")]
    [TestCase("CUBLASLT_EPILOGUE_BGRADB", @"^bias gradient of \d+ x \d+ x \d+: sum \d+ is ")]
    public void Biases_that_cuBLASLt_gets_wrong_are_found(string epilogue, string told)
    {
        RequireVirtual().Effects = work =>
            work.Call == "cublasLtMatmul" && work.Way.EndsWith(epilogue, StringComparison.Ordinal)
                ? new VirtualEffect { IsWrong = true }
                : null;

        CheckResult found = Check(() => new EpiloguesOfOnes(Gpu, ProductMath.Default));

        Assert.That(found.Passed, Is.False);
        Assert.That(found.Name, Is.EqualTo("biases of ones, default"));
        Assert.That(found.Detail, Does.Match(told));
    }

    [Test]
    public void Biases_without_an_algorithm_are_no_failure()
    {
        RequireVirtual().Manners.NoEpilogue = _ =>
            Sequor.Native.cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED;

        CheckResult found = Check(() => new EpiloguesOfOnes(Gpu, ProductMath.Default));

        Assert.That(found.Passed, found.Detail);
        Assert.That(found.Detail, Is.EqualTo("0 exact, 8 without an algorithm"));
    }

    [TestCaseSource(nameof(Steps))]
    public void A_step_that_is_wrong_is_found(string name, bool graph)
    {
        // Half of the way, where an error goes through what follows.
        string[] works = Works(name, graph);
        FindEach(name, graph, [works[works.Length / 2]]);
    }

    /// <summary>Whatever work of a step gives other numbers, beside graphs or within them alone, is found.</summary>
    [TestCaseSource(nameof(Steps))]
    [Category("Long")]
    public void Each_work_of_a_step_that_is_wrong_is_found(string name, bool graph) =>
        FindEach(name, graph, Works(name, graph));

    [Test]
    public void A_call_that_fails_is_the_verdict_and_the_other_parts_still_run()
    {
        RequireVirtual().Refuse("cudnnRNNForward", 3000);

        SelfCheckReport report = SelfCheck.Run(Libraries.Device());

        Assert.That(report.Passed, Is.False);
        Assert.That(
            report.Checks.Where(c => !c.Passed).Select(c => c.Name),
            Is.EqualTo(
                from model in (string[])["rnn", "lstm", "gru"]
                from how in (string[])["as it is", "as a graph"]
                select $"{model}, {how}"
            )
        );
        Assert.That(
            report.Verdict,
            Does.StartWith("failed its self-check: rnn, as it is: CudnnException: ")
                .And.Contain("cudnnRNNForward")
                .And.EndWith("(and 5 checks more)")
        );
    }

    [Test]
    public void A_step_that_cannot_be_recorded_is_found()
    {
        RequireVirtual().Refuse("cuGraphInstantiateWithParams", 801);

        CheckResult found = Check(() => new TrainingCheck(Gpu, SelfCheckModel.All[0], graph: true));

        Assert.That(found.Passed, Is.False);
        Assert.That(
            found.Detail,
            Does.StartWith("the step is not recorded as a graph: ")
                .And.Contain("cuGraphInstantiate")
        );
    }

    [Test]
    public void A_device_that_does_not_answer_is_given_up([Values] bool whileLoading)
    {
        using var answer = new ManualResetEventSlim();
        using var left = new ManualResetEventSlim();
        TimeSpan soon = TimeSpan.FromMilliseconds(50);
        var check = new SelfCheck(
            CudaIdentity.Of(Libraries.Device()),
            [() => new Stuck(answer, left, whileLoading), () => new Stuck(answer, left, false)],
            whileLoading ? Long : soon,
            whileLoading ? soon : Long
        );

        SelfCheckReport report = check.Run();
        answer.Set();

        Assert.That(report.Passed, Is.False);
        Assert.That(report.Checks, Has.Count.EqualTo(1));
        Assert.That(
            report.Verdict,
            Does.Contain(whileLoading ? "stuck: libraries and kernels" : "stuck: no answer within")
                .And.Contain("0.05 s")
        );
        Assert.That(left.Wait(Long));
        Assert.That(report.Checks, Has.Count.EqualTo(1));
    }

    private string[] Works(string name, bool graph)
    {
        VirtualDevice device = RequireVirtual();
        device.Work.Log = [];
        Assert.That(Check(() => Step(name, graph)).Passed);
        string[] works = [.. device.Work.Log.Distinct().Except(LeftAlone)];
        device.Work.Log = null;
        Assert.That(works, Has.Length.GreaterThan(6));
        return works;
    }

    private void FindEach(string name, bool graph, string[] works)
    {
        VirtualDevice device = RequireVirtual();
        Assert.Multiple(() =>
        {
            foreach (string work in works)
            {
                device.Distorted = new Distortion(work, OnlyReplayed: graph);
                CheckResult found = Check(() => Step(name, graph));
                Assert.That(found.Passed, Is.False, $"{work}: {found.Detail}");
                Assert.That(found.Name, Is.EqualTo(name + (graph ? ", as a graph" : ", as it is")));
                Assert.That(found.Detail, Does.Contain("differs from the CPU by"));
            }
        });
        device.Distorted = null;
        Assert.That(Check(() => Step(name, graph)).Passed);
    }

    private TrainingCheck Step(string name, bool graph) =>
        new(Gpu, SelfCheckModel.All.Single(m => m.Name == name), graph);

    private static CheckResult Check(Func<SelfCheckItem> item) =>
        new SelfCheck(Nobody, [item], Long, Long).Run().Checks.Single();

    private static CudaIdentity Nobody => new("a device", "8.6", "1", "9", "12", "0");

    /// <summary>A part that waits for what does not come.</summary>
    private sealed class Stuck(
        ManualResetEventSlim answer,
        ManualResetEventSlim left,
        bool whileLoading
    ) : SelfCheckItem
    {
        public override string Name => "stuck";

        public override void Load()
        {
            if (whileLoading)
                answer.Wait();
        }

        public override (bool Passed, string Detail) Run()
        {
            answer.Wait();
            return (true, "");
        }

        public override void Dispose() => left.Set();
    }
}
