using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>The CUDA kernels that make what a state space's scan reads, and their gradients, against the CPU.</summary>
[TestFixture]
public sealed class StateSpaceKernelTests
{
    private static IEnumerable<TestCaseData> Cases() =>
        from rule in Enum.GetValues<StateSpaceRule>()
        from shared in new[] { false, true }
        from sizes in new (int H, int N, int Directions)[] { (1, 1, 1), (5, 3, 2), (2, 140, 1) }
        select new TestCaseData((int)rule, shared, sizes.H, sizes.N, sizes.Directions);

    [TestCaseSource(nameof(Cases))]
    public void What_the_scan_reads_and_its_gradients_are_those_of_the_cpu(
        int rule,
        bool shared,
        int channels,
        int size,
        int directions
    )
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)(channels * 10 + size));
        var form = new StateSpaceForm((StateSpaceRule)rule, 2, 9);
        // The bilinear rule has one step for both parts.
        int steps = shared && form.Rule != StateSpaceRule.Bilinear ? 2 : 1;
        int states = shared ? size : channels * size;
        int outputs = 2 * directions * channels * size;
        int[] stateShape = shared ? [size] : [channels, size];
        float[][] values =
        [
            draw.Uniform(steps * channels, -4f, 0f),
            draw.Uniform(states, -1.5f, 0.5f),
            draw.Uniform(states, -40f, 40f),
            draw.Uniform(outputs),
        ];
        var parameters = new StateSpaceTensors(
            host.Put(values[0], channels, steps),
            host.Put(values[1], stateShape),
            host.Put(values[2], stateShape),
            host.Put(values[3], directions * channels, 2 * size)
        );
        Tensor a = host.New(channels, 2 * size);
        Tensor c = host.New(directions * channels, 2 * size);
        host.Backend.StateSpaceParametrization(form, parameters, new StateSpaceMatrices(a, c));
        float[] da = draw.Uniform(2 * channels * size);
        float[] dc = draw.Uniform(outputs);
        float[][] starts =
        [
            draw.Uniform(steps * channels),
            draw.Uniform(channels * size),
            draw.Uniform(channels * size),
            draw.Uniform(outputs),
        ];
        var slopes = new StateSpaceTensors(
            host.Put(starts[0], channels, steps),
            host.Put(starts[1], channels, size),
            host.Put(starts[2], channels, size),
            host.Put(starts[3], directions * channels, 2 * size)
        );
        host.Backend.StateSpaceParametrizationGradient(
            form,
            parameters,
            new StateSpaceMatrices(
                host.Put(da, channels, 2 * size),
                host.Put(dc, directions * channels, 2 * size)
            ),
            slopes
        );

        object[] p = [.. values.Select(v => (object)machine.Put(v))];
        DeviceArray[] d = [.. starts.Select(v => machine.Put(v))];
        DeviceArray factors = machine.New(2 * channels * size);
        DeviceArray into = machine.New(outputs);
        object[] sizes =
        [
            steps,
            shared ? 1 : 0,
            channels,
            size,
            directions,
            rule,
            form.Factor,
            form.Length,
        ];
        KernelGrid grid = KernelGrid.Each(channels, 128);
        machine.Launch("state_space_prepare", grid, [.. p, factors, into, .. sizes]);
        machine.Launch(
            "state_space_prepare_gradient",
            grid,
            [.. p, machine.Put(da), machine.Put(dc), .. d.Cast<object>(), .. sizes]
        );

        // To the last bit but one where double rounds to the other side.
        Close.Check(machine.Get(factors), Doubles(host.Get(a)), 1.2e-7, "a");
        Close.Check(machine.Get(into), Doubles(host.Get(c)), 1.2e-7, "C'");
        Tensor[] expected = [slopes.LogStep, slopes.Real, slopes.Imaginary, slopes.C];
        for (int i = 0; i < expected.Length; i++)
            Close.Check(machine.Get(d[i]), Doubles(host.Get(expected[i])), 1e-6, $"gradient {i}");
    }

    private static double[] Doubles(float[] values) => [.. values.Select(v => (double)v)];
}
