using NUnit.Framework;
using Sequor.Layers;
using Sequor.Reference;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>
/// Kernels and eigenvalues of state spaces as they were computed apart from this project, in the reference and in the layers, whose answer
/// to an impulse is the kernel.
/// </summary>
[TestFixture]
public sealed class StateSpaceKernelNumberTests
{
    private static readonly double[] Minus = [Math.Log(0.5), Math.Log(0.5)];

    // dt 0.1, N = 4 with conjugates, B = C = 1.
    private static IEnumerable<TestCaseData> S4DKernels()
    {
        double[] lin = [0, Math.PI];
        double[] inv = [3.819718634, 0.424413182];
        yield return new(
            S4DInitialization.Lin,
            Discretization.ZeroOrderHold,
            lin,
            new[] { 0.387011209, 0.350341188, 0.300984953 },
            4.098818092
        );
        yield return new(
            S4DInitialization.Lin,
            Discretization.Bilinear,
            lin,
            new[] { 0.385766598, 0.349877232, 0.301444902 },
            4.098818092
        );
        yield return new(
            S4DInitialization.Inv,
            Discretization.ZeroOrderHold,
            inv,
            new[] { 0.385456052, 0.340326540, 0.277093223 },
            2.392281488
        );
    }

    [TestCaseSource(nameof(S4DKernels))]
    public void An_s4d_has_the_kernel_that_it_should(
        S4DInitialization initialization,
        Discretization discretization,
        double[] frequencies,
        double[] kernel,
        double sum
    )
    {
        var options = new S4DOptions
        {
            Initialization = initialization,
            Discretization = discretization,
            MinStep = 0.1f,
            MaxStep = 0.1f,
        };
        double[] ones = [1, 0, 1, 0];
        var p = new StateSpaceParameters(
            discretization == Discretization.Bilinear
                ? StateSpaceKind.Bilinear
                : StateSpaceKind.ZeroOrderHold,
            1,
            2,
            [Math.Log(0.1)],
            Minus,
            frequencies,
            ones,
            [0]
        );
        double[] found = StateSpace.Kernel(p, 0, 0, 1000, 1000);
        Assert.That(found[..3], Is.EqualTo(kernel).Within(2e-9));
        // Of all steps: -2 Re sum C / A, whatever the rule.
        Assert.That(found.Sum(), Is.EqualTo(sum).Within(1e-8));

        // dt, A and the kernel of the layer as it begins, but for C and D.
        using var model = new S4D(1, 2, options);
        float[] answer = Answer(model, 3, "C", [1, 0, 1, 0]);
        Close.Check(answer, kernel, 1e-6, "the answer to an impulse");
    }

    [TestCase(DssKernel.Exp, new[] { 0.143688927, 0.122172574 })]
    [TestCase(DssKernel.Softmax, new[] { -0.093551834, -0.075966356 })]
    public void A_dss_has_the_kernel_that_it_should(DssKernel kind, double[] kernel)
    {
        bool softmax = kind == DssKernel.Softmax;
        var p = new StateSpaceParameters(
            softmax ? StateSpaceKind.Softmax : StateSpaceKind.Exp,
            1,
            2,
            [Math.Log(0.1), Math.Log(0.1)],
            softmax ? [-0.5, -0.5] : Minus,
            [2, 5],
            [1, 0, 0.5, 0],
            [0]
        );
        Assert.That(StateSpace.Kernel(p, 0, 0, 2, 8), Is.EqualTo(kernel).Within(3e-9));

        using var model = new Dss(
            1,
            2,
            new DssOptions
            {
                Kernel = kind,
                Length = 8,
                MinStep = 0.1f,
                MaxStep = 0.1f,
            }
        );
        float[] answer = Answer(model, 2, "W", [1, 0, 0.5f, 0], ("Lambda_im", [2, 5]));
        Close.Check(answer, kernel, 1e-6, "the answer to an impulse");
    }

    private static float[] Answer(
        Layer model,
        int steps,
        string c,
        float[] outputs,
        (string Name, float[] Values)? more = null
    )
    {
        using Plan plan = model.Plan(Backends.Get(256, 1), steps, 1, Mode.Evaluation);
        plan.Parameter(c).Write(outputs);
        plan.Parameter("D").Write([0]);
        if (more is { } other)
            plan.Parameter(other.Name).Write(other.Values);
        float[] impulse = new float[steps];
        impulse[0] = 1;
        return plan.Forward(impulse, steps, 1).ToArray();
    }

    [Test]
    public void Convolution_and_recurrence_agree_in_the_reference([Values] StateSpaceKind kind)
    {
        const int Channels = 3;
        const int States = 5;
        var draw = new Draw(4);
        double[] Values(long count, float from, float to) =>
            Array.ConvertAll(draw.Uniform(count, from, to), v => (double)v);
        bool shared = kind is StateSpaceKind.Exp or StateSpaceKind.Softmax;
        int each = shared ? States : Channels * States;
        var p = new StateSpaceParameters(
            kind,
            Channels,
            States,
            Values(shared ? 2 * Channels : Channels, -3, -0.5f),
            Values(each, -1, 0.4f),
            Values(each, -6, 6),
            Values(4 * Channels * States, -1, 1),
            Values(Channels, -1, 1),
            2
        );
        double[] u = Values(23 * 2 * Channels, -1, 1);
        double[] byKernel = StateSpace.Forward(p, u, 23, 2);
        Assert.That(StateSpace.Recur(p, u, 23, 2), Is.EqualTo(byKernel).Within(1e-12));
    }

    [TestCase(4, new[] { 0.556501115, 4.603293007 })]
    [TestCase(8, new[] { 0.427488712, 1.957794151, 5.354208515, 19.857410371 })]
    public void LegS_has_the_eigenvalues_that_it_should(int size, double[] frequencies)
    {
        (double Frequency, double Input)[] modes = Modes(size);
        Assert.That(modes.Select(m => m.Frequency), Is.EqualTo(frequencies).Within(1e-9));
        if (size == 4)
            Assert.That(
                modes.Select(m => m.Input / Math.Sqrt(2)),
                Is.EqualTo(new[] { 0.683723587, 1.879500481 }).Within(1e-9)
            );
    }

    [Test]
    public void LegS_of_many_states_keeps_small_eigenvalues_and_all_of_B()
    {
        (double Frequency, double Input)[] modes = Modes(64);
        Assert.That(modes, Has.Length.EqualTo(32));
        Assert.That(modes[^1].Frequency, Is.EqualTo(1303.27384).Within(1e-5));
        // The eigenvectors are a unitary basis: both of each pair hold as much of B.
        double whole = Enumerable.Range(0, 64).Sum(n => 2.0 * n + 1);
        Assert.That(2 * modes.Sum(m => m.Input * m.Input), Is.EqualTo(whole).Within(1e-8));
        // The squares of the matrix's entries are those of its eigenvalues.
        double squares = 0;
        for (int n = 0; n < 64; n++)
        for (int k = 0; k < n; k++)
            squares += 2 * (n + 0.5) * (k + 0.5);
        Assert.That(
            2 * modes.Sum(m => m.Frequency * m.Frequency),
            Is.EqualTo(squares).Within(1e-6)
        );
    }

    private static (double Frequency, double Input)[] Modes(int size) =>
        [.. HippoSpectrum.Frequencies(size / 2).Select(w => (w, HippoSpectrum.Input(w, size / 2)))];

    [TestCase(S4DInitialization.Inv, new[] { 17.825353626, 4.244131816, 1.527887454, 0.363782727 })]
    [TestCase(S4DInitialization.Lin, new[] { 0, Math.PI, 2 * Math.PI, 3 * Math.PI })]
    [TestCase(
        S4DInitialization.LegS,
        new[] { 0.427488712, 1.957794151, 5.354208515, 19.857410371 }
    )]
    [TestCase(S4DInitialization.Real, new[] { 0.0, 0, 0, 0 })]
    public void An_s4d_begins_as_the_paper_says(S4DInitialization initialization, double[] at)
    {
        using var model = new S4D(2, 4, new S4DOptions { Initialization = initialization });
        using Plan plan = model.Plan(Backends.Get(256, 1), 1, 1, Mode.Evaluation);
        double[] twice = [.. at, .. at];
        Close.Check(plan.Parameter("A_imag").ToArray(), twice, 1e-7, "A_imag");
        double[] decays =
            initialization == S4DInitialization.Real ? [1, 2, 3, 4] : [0.5, 0.5, 0.5, 0.5];
        double[] logs = [.. decays.Concat(decays).Select(decay => Math.Log(decay))];
        Close.Check(plan.Parameter("log_A_real").ToArray(), logs, 1e-7, "log_A_real");
    }

    [Test]
    public void Steps_and_outputs_are_drawn_as_the_papers_say()
    {
        using var model = new Sequential(new S4D(600, 4), new Dss(600, 4));
        using Plan plan = model.Plan(Backends.Get(256, 1), 1, 1, Mode.Evaluation);
        float[] steps = plan.Parameter("0.log_dt").ToArray();
        Assert.That(steps.Min(), Is.InRange(Math.Log(1e-3), Math.Log(1.05e-3)));
        Assert.That(steps.Max(), Is.InRange(Math.Log(0.95e-1), Math.Log(1e-1)));
        Assert.That(Variance(plan.Parameter("0.C").ToArray()), Is.EqualTo(0.5).Within(0.05));
        Assert.That(Variance(plan.Parameter("1.W").ToArray()), Is.EqualTo(1).Within(0.1));
        float[] both = plan.Parameter("1.log_dt").ToArray();
        for (int h = 0; h < 600; h++)
            Assert.That(both[2 * h], Is.EqualTo(both[2 * h + 1]));
        Assert.That(both.Distinct().Count(), Is.GreaterThan(550));
        Assert.That(
            plan.Parameter("1.Lambda_im").ToArray(),
            Is.EqualTo(new[] { 19.8574104f, 5.3542085f, 1.9577942f, 0.4274887f }).Within(1e-6)
        );
    }

    private static double Variance(float[] values) => values.Average(v => (double)v * v);
}
