using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>The CUDA kernels of the matrices around a diagonal scan and of their gradients, against the CPU.</summary>
[TestFixture]
public sealed class DiagonalKernelTests
{
    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (DiagonalForm form in Enum.GetValues<DiagonalForm>())
        {
            if (form == DiagonalForm.LogPolar)
                continue;
            yield return new(form, 1, 1, 1);
            yield return new(form, 5, 3, 2);
            yield return new(form, 140, 9, 1);
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void Matrices_and_their_gradients_are_those_of_the_cpu(
        object form,
        int model,
        int size,
        int directions
    ) => Compare(Drawn((DiagonalForm)form, model, size, directions));

    // Steps so small that S5's quotients would have no digits left, none at all, and phases of many turns.
    [Test]
    public void Sampling_is_exact_near_nothing_and_at_it([Values] bool bilinear) =>
        Compare(
            DiagonalCase.Of(
                bilinear ? DiagonalForm.Bilinear : DiagonalForm.ZeroOrderHold,
                [0f, -1e-7f, -0.5f, 0f, -0.5f, -0.5f],
                [0f, 1e-7f, 0f, 0.5f, -1300f, 1300f],
                [-2f, -1f, -0.6931472f, 0f, -2f, -6.9f],
                3,
                1
            )
        );

    // Blocks of all forms and of other sizes, which leave some of the grid without a row.
    [Test]
    public void Those_of_many_blocks_in_a_launch_are_those_of_each()
    {
        var cases = new List<DiagonalCase>();
        foreach (TestCaseData each in Cases())
            cases.Add(
                Drawn(
                    (DiagonalForm)each.Arguments[0]!,
                    (int)each.Arguments[1]! % 60,
                    (int)each.Arguments[2]!,
                    (int)each.Arguments[3]!
                )
            );
        Compare([.. cases]);
    }

    private static DiagonalCase Drawn(DiagonalForm form, int model, int size, int directions)
    {
        var draw = new Draw((ulong)(model * 10 + size));
        return DiagonalCase.Of(
            form,
            draw.Uniform(size, -2f, 0.5f),
            draw.Uniform(size, -4f, 4f),
            draw.Uniform(size, -2f, 0.5f),
            model,
            directions
        );
    }

    private static void Compare(params DiagonalCase[] cases)
    {
        using var machine = new KernelMachine();
        var device = new DiagonalOnDevice(machine, cases);
        device.Prepare();
        device.Gradient();
        for (int i = 0; i < cases.Length; i++)
            DiagonalResult.OfCpu(cases[i]).Check(device.Result(i), 2.4e-7);
        device.RequireGaps();
    }
}
