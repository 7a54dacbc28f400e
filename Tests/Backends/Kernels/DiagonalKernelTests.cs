using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
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
    )
    {
        var draw = new Draw((ulong)(model * 10 + size));
        Compare(
            (DiagonalForm)form,
            draw.Uniform(size, -2f, 0.5f),
            draw.Uniform(size, -4f, 4f),
            draw.Uniform(size, -2f, 0.5f),
            model,
            directions
        );
    }

    // Steps so small that S5's quotients would have no digits left, none at all, and phases of many turns.
    [Test]
    public void Sampling_is_exact_near_nothing_and_at_it([Values] bool bilinear) =>
        Compare(
            bilinear ? DiagonalForm.Bilinear : DiagonalForm.ZeroOrderHold,
            [0f, -1e-7f, -0.5f, 0f, -0.5f, -0.5f],
            [0f, 1e-7f, 0f, 0.5f, -1300f, 1300f],
            [-2f, -1f, -0.6931472f, 0f, -2f, -6.9f],
            3,
            1
        );

    private static void Compare(
        DiagonalForm form,
        float[] decay,
        float[] frequency,
        float[] scale,
        int model,
        int directions
    )
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        int size = decay.Length;
        var draw = new Draw((ulong)(model * 10 + size));
        int cells = directions * size;
        float[][] values =
        [
            decay,
            frequency,
            scale,
            draw.Uniform(size * model),
            draw.Uniform(size * model),
            draw.Uniform(model * cells),
            draw.Uniform(model * cells),
        ];
        float[][] starts = [.. values.Select(v => draw.Uniform(v.Length))];
        int[][] shapes =
        [
            [size],
            [size],
            [size],
            [size, model],
            [size, model],
            [model, cells],
            [model, cells],
        ];
        DiagonalTensors parameters = Gather(
            form,
            [.. values.Select((v, i) => host.Put(v, shapes[i]))]
        );
        Tensor[] slopes = [.. starts.Select((v, i) => host.Put(v, shapes[i]))];
        Tensor lambda = host.New(size, 2);
        Tensor b = host.New(2 * size, model);
        Tensor c = host.New(directions * model, 2 * size);
        host.Backend.DiagonalParametrization(parameters, new DiagonalMatrices(lambda, b, c));
        // Of several passes, sequences or tiles.
        const int Parts = 3;
        float[] parts = draw.Uniform(Parts * 2 * size);
        float[] db = draw.Uniform(2 * size * model);
        float[] dc = draw.Uniform(2 * size * directions * model);
        host.Backend.DiagonalParametrizationGradient(
            parameters,
            new DiagonalMatrices(
                host.Put(parts, Parts, 2 * size),
                host.Put(db, 2 * size, model),
                host.Put(dc, directions * model, 2 * size)
            ),
            Gather(form, slopes)
        );

        bool scales = form.HasScale();
        DeviceArray[] p = [.. values.Select(v => machine.Put(v))];
        DeviceArray[] d = [.. starts.Select(v => machine.Put(v))];
        DeviceArray scaleOrNone = scales ? p[2] : DeviceArray.Null;
        DeviceArray slopeOrNone = scales ? d[2] : DeviceArray.Null;
        DeviceArray factors = machine.New(2 * size);
        DeviceArray into = machine.New(2 * size * model);
        DeviceArray outOf = machine.New(2 * size * directions * model);
        KernelGrid grid = KernelGrid.Each(size + directions * model, 128);
        object[] sizes = [model, size, directions];
        machine.Launch(
            "diagonal_prepare",
            grid,
            [
                (int)form,
                p[0],
                p[1],
                scaleOrNone,
                .. p[3..].Cast<object>(),
                factors,
                into,
                outOf,
                .. sizes,
            ]
        );
        machine.Launch(
            "diagonal_prepare_gradient",
            grid,
            [
                (int)form,
                p[0],
                p[1],
                scaleOrNone,
                p[3],
                p[4],
                machine.Put(parts),
                Parts,
                machine.Put(db),
                machine.Put(dc),
                d[0],
                d[1],
                slopeOrNone,
                .. d[3..].Cast<object>(),
                .. sizes,
            ]
        );

        // To the last bit but one where double rounds to the other side.
        Close.Check(machine.Get(factors), Doubles(host.Get(lambda)), 6e-8, "lambda");
        Close.Check(machine.Get(into), Doubles(host.Get(b)), 2.4e-7, "B'");
        Close.CheckBits(machine.Get(outOf), host.Get(c), "C'");
        for (int i = 0; i < slopes.Length; i++)
            Close.Check(machine.Get(d[i]), Doubles(host.Get(slopes[i])), 1e-6, $"gradient {i}");
    }

    private static DiagonalTensors Gather(DiagonalForm form, Tensor[] t) =>
        new(form, t[0], t[1], form.HasScale() ? t[2] : default, t[3], t[4], t[5], t[6]);

    private static double[] Doubles(float[] values) => [.. values.Select(v => (double)v)];
}
