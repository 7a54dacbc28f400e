using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>The CUDA kernels of weight, layer and batch norms and their gradients against the CPU.</summary>
[TestFixture]
public sealed class NormKernelTests
{
    private const float Epsilon = 1e-5f;

    [TestCase(1, 1, 1)]
    [TestCase(5, 11, 3)]
    [TestCase(3, 100, 7)]
    public void A_weight_norm_and_its_gradient_are_those_of_the_cpu(
        int outputs,
        int inputs,
        int taps
    )
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        int size = inputs * taps;
        var draw = new Draw((ulong)size);
        float[] v = draw.Uniform(outputs * size);
        float[] g = draw.Uniform(outputs, 0.5f, 2f);
        float[] dw = draw.Uniform(outputs * size);
        float[] dv = draw.Uniform(outputs * size);
        float[] dg = draw.Uniform(outputs);
        var filter = new WeightNormTensors(
            host.Put(v, outputs, inputs, taps),
            host.Put(g, outputs),
            host.New(outputs, inputs, taps),
            host.New(outputs)
        );
        host.Backend.WeightNorm([filter]);
        var slopes = new WeightNormGradients(
            host.Put(dw, outputs, inputs, taps),
            taps,
            host.Put(dv, outputs, inputs, taps),
            host.Put(dg, outputs)
        );
        host.Backend.WeightNormGradient([filter], [slopes]);

        DeviceArray values = machine.Put(v);
        DeviceArray factors = machine.Put(g);
        DeviceArray w = machine.New(outputs * size);
        DeviceArray lengths = machine.New(outputs);
        KernelGrid grid = KernelGrid.Each(outputs, 128);
        DeviceArray none = DeviceArray.Null;
        object[] sizes = [outputs, inputs, taps];
        machine.Launch(
            "weight_norm",
            grid,
            [values, factors, w, lengths, .. sizes, none, none, none, none, 0, 0]
        );
        DeviceArray dvalues = machine.Put(dv);
        DeviceArray dfactors = machine.Put(dg);
        DeviceArray slope = machine.Put(InputsLast(dw, inputs, taps));
        machine.Launch(
            "weight_norm_gradient",
            grid,
            [
                values,
                factors,
                lengths,
                slope,
                dvalues,
                dfactors,
                .. sizes,
                taps,
                none,
                none,
                none,
                none,
                none,
                none,
                0,
                0,
                0,
            ]
        );

        Check(machine.Get(w), InputsLast(host.Get(filter.W), inputs, taps), "w");
        Check(machine.Get(lengths), host.Get(filter.Norms), "norms");
        Check(machine.Get(dvalues), host.Get(slopes.V), "dv");
        Check(machine.Get(dfactors), host.Get(slopes.G), "dg");
        int threads = Math.Min(128, size);
        Assert.That(
            machine.Counts.BytesRead + machine.Counts.BytesWritten,
            Is.EqualTo((12 + 24) * outputs * size + (516 + 8 * threads + 8) * outputs)
        );
    }

    [Test]
    public void Two_weight_norms_in_one_launch_are_those_of_two()
    {
        const int Outputs = 3;
        using var machine = new KernelMachine();
        var draw = new Draw(8);
        DeviceArray none = DeviceArray.Null;
        (int Inputs, int Taps)[] shapes = [(4, 3), (5, 1)];
        var made = new List<(float[] W, float[] Norms, float[] Dv, float[] Dg)>();
        List<object> forward = [];
        List<object> backward = [];
        DeviceArray[][] results = new DeviceArray[2][];
        for (int n = 0; n < shapes.Length; n++)
        {
            (int inputs, int taps) = shapes[n];
            int count = Outputs * inputs * taps;
            DeviceArray v = machine.Put(draw.Uniform(count));
            DeviceArray g = machine.Put(draw.Uniform(Outputs, 0.5f, 2f));
            DeviceArray dw = machine.Put(draw.Uniform(count));
            float[] dv = draw.Uniform(count);
            float[] dg = draw.Uniform(Outputs);
            DeviceArray[] alone =
            [
                machine.New(count),
                machine.New(Outputs),
                machine.Put(dv),
                machine.Put(dg),
            ];
            results[n] =
            [
                machine.New(count),
                machine.New(Outputs),
                machine.Put(dv),
                machine.Put(dg),
            ];
            object[] outputs = n == 0 ? [Outputs] : [];
            forward.AddRange([v, g, results[n][0], results[n][1], .. outputs, inputs, taps]);
            backward.AddRange([
                v,
                g,
                results[n][1],
                dw,
                results[n][2],
                results[n][3],
                .. outputs,
                inputs,
                taps,
                taps,
            ]);
            machine.Launch(
                "weight_norm",
                KernelGrid.Each(Outputs, 128),
                [v, g, alone[0], alone[1], Outputs, inputs, taps, none, none, none, none, 0, 0]
            );
            machine.Launch(
                "weight_norm_gradient",
                KernelGrid.Each(Outputs, 128),
                [
                    v,
                    g,
                    alone[1],
                    dw,
                    alone[2],
                    alone[3],
                    Outputs,
                    inputs,
                    taps,
                    taps,
                    none,
                    none,
                    none,
                    none,
                    none,
                    none,
                    0,
                    0,
                    0,
                ]
            );
            made.Add(
                (
                    machine.Get(alone[0]),
                    machine.Get(alone[1]),
                    machine.Get(alone[2]),
                    machine.Get(alone[3])
                )
            );
        }
        KernelGrid both = KernelGrid.Each(2 * Outputs, 128);
        machine.Launch("weight_norm", both, [.. forward]);
        machine.Launch("weight_norm_gradient", both, [.. backward]);
        for (int n = 0; n < shapes.Length; n++)
        {
            Close.CheckBits(machine.Get(results[n][0]), made[n].W, "w");
            Close.CheckBits(machine.Get(results[n][1]), made[n].Norms, "norms");
            Close.CheckBits(machine.Get(results[n][2]), made[n].Dv, "dv");
            Close.CheckBits(machine.Get(results[n][3]), made[n].Dg, "dg");
        }
    }

    private static float[] InputsLast(float[] filter, int inputs, int taps)
    {
        float[] values = new float[filter.Length];
        for (int i = 0; i < filter.Length; i++)
        {
            int o = i / (inputs * taps);
            values[(o * taps + i % taps) * inputs + i / taps % inputs] = filter[i];
        }
        return values;
    }

    [TestCase(1, 1)]
    [TestCase(37, 5)]
    [TestCase(70, 128)]
    [TestCase(9, 129)]
    [TestCase(33, 512)]
    [TestCase(9, 515)]
    public void A_layer_norm_and_its_gradient_are_those_of_the_cpu(int rows, int size)
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)(rows + size));
        float[] x = draw.Uniform(rows * size, -1f, 3f);
        float[] weight = draw.Uniform(size);
        float[] bias = draw.Uniform(size);
        float[] dy = draw.Uniform(rows * size);
        float[] start = draw.Uniform(rows * size);
        string suffix =
            size <= 128 ? "_128"
            : size <= 512 ? "_512"
            : "_any";
        KernelGrid grid = KernelGrid.LayerNorm(rows);
        using LayerNormOperation norm = host.Backend.PlanLayerNorm(
            new LayerNormDescriptor(size, rows, 1, Epsilon)
        );
        Tensor y = host.New(rows, size);
        Tensor statistics = host.New(rows, 2);
        Tensor input = host.Put(x, rows, size);
        Tensor factors = host.Put(weight, size);
        norm.Forward(input, factors, host.Put(bias, size), y, statistics, false);

        DeviceArray values = machine.Put(x);
        DeviceArray scales = machine.Put(weight);
        DeviceArray shifts = machine.Put(bias);
        DeviceArray kept = machine.New(2 * rows);
        foreach (int reuse in new[] { 0, 1 })
        {
            DeviceArray result = machine.New(rows * size);
            machine.Launch(
                $"layer_norm{suffix}",
                grid,
                values,
                scales,
                shifts,
                result,
                kept,
                (long)rows,
                size,
                Epsilon,
                reuse
            );
            // Of one channel nothing is left but rounding.
            if (size > 1)
                Check(machine.Get(result), host.Get(y), "y");
        }
        if (size > 1)
            Check(machine.Get(kept), host.Get(statistics), "statistics");

        foreach (bool accumulate in new[] { false, true })
        {
            Tensor dx = host.Put(start, rows, size);
            Tensor dweight = host.Put(weight, size);
            Tensor dbias = host.Put(bias, size);
            norm.Backward(
                input,
                factors,
                statistics,
                host.Put(dy, rows, size),
                dx,
                accumulate,
                dweight,
                dbias,
                host.New((int)norm.WorkspaceCount)
            );
            DeviceArray slopes = accumulate ? machine.Put(start) : machine.New(rows * size);
            DeviceArray partials = machine.New(2L * size * grid.X);
            machine.Launch(
                $"layer_norm_gradient{suffix}",
                grid,
                values,
                scales,
                machine.Put(host.Get(statistics)),
                machine.Put(dy),
                slopes,
                partials,
                (long)rows,
                size,
                accumulate ? 1 : 0
            );
            DeviceArray dscales = machine.Put(weight);
            DeviceArray dshifts = machine.Put(bias);
            machine.Launch(
                "layer_norm_join",
                KernelGrid.Threadwise(2 * size, 128),
                partials,
                dscales,
                dshifts,
                grid.X,
                size
            );
            if (size > 1)
                Check(machine.Get(slopes), host.Get(dx), "dx");
            Check(machine.Get(dscales), host.Get(dweight), "dweight");
            Check(machine.Get(dshifts), host.Get(dbias), "dbias");
        }
    }

    [TestCase(1, 3)]
    [TestCase(2, 1)]
    [TestCase(77, 24)]
    [TestCase(700, 3)]
    [TestCase(3000, 65)]
    public void A_batch_norm_and_its_gradient_are_those_of_the_cpu(int rows, int size)
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)(rows + size));
        float[] x = draw.Uniform(rows * size, 90f, 110f);
        float[] weight = draw.Uniform(size);
        float[] bias = draw.Uniform(size);
        float[] dy = draw.Uniform(rows * size);
        float[] runningMean = draw.Uniform(size);
        float[] runningVariance = draw.Uniform(size, 0.5f, 2f);
        // Far from what can be kept in a float.
        x[size - 1] = size > 1 && rows > 1 ? float.PositiveInfinity : 1f;
        using BatchNormOperation norm = host.Backend.PlanBatchNorm(
            new BatchNormDescriptor(size, 0.1f, Epsilon)
        );
        Tensor input = host.Put(x, rows, size);
        Tensor factors = host.Put(weight, size);
        Tensor statistics = host.New(2, size);
        Tensor mean = host.Put(runningMean, size);
        Tensor variance = host.Put(runningVariance, size);
        Tensor workspace = host.New((int)norm.WorkspaceCount);
        Tensor y = host.New(rows, size);
        Tensor dx = host.New(rows, size);
        Tensor sums = host.New(2, size);
        Tensor slope = host.Put(dy, rows, size);
        norm.Measure(input, statistics, mean, variance, workspace);
        norm.Normalise(input, statistics, factors, host.Put(bias, size), y);
        norm.Sum(input, statistics, slope, sums, false, workspace);
        norm.Sum(input, statistics, slope, sums, true, workspace);
        norm.Backward(input, statistics, factors, slope, sums, rows, dx, false);
        norm.Backward(input, statistics, factors, slope, sums, rows, dx, true);

        var device = new BatchNormOnDevice(machine, rows, size);
        DeviceArray values = machine.Put(x);
        DeviceArray kept = machine.New(2 * size);
        DeviceArray movedMean = machine.Put(runningMean);
        DeviceArray movedVariance = machine.Put(runningVariance);
        DeviceArray slopes = machine.Put(dy);
        DeviceArray scales = machine.Put(weight);
        device.Measure(values, kept, movedMean, movedVariance);
        Compare(machine.Get(kept), host.Get(statistics), "statistics");
        Check(machine.Get(movedMean), host.Get(mean), "running mean");
        Check(machine.Get(movedVariance), host.Get(variance), "running variance");
        DeviceArray result = machine.New(rows * size);
        device.Normalise(values, kept, scales, machine.Put(bias), result);
        Compare(machine.Get(result), host.Get(y), "y");
        DeviceArray totals = machine.New(2 * size);
        device.Sum(values, kept, slopes, totals, 0);
        device.Sum(values, kept, slopes, totals, 1);
        Compare(machine.Get(totals), host.Get(sums), "sums");
        DeviceArray back = machine.New(rows * size);
        device.Gradient(values, kept, scales, slopes, totals, back, 0);
        device.Gradient(values, kept, scales, slopes, totals, back, 1);
        Compare(machine.Get(back), host.Get(dx), "dx");

        Tensor recalled = host.New(2, size);
        norm.Recall(mean, variance, recalled);
        DeviceArray again = machine.New(2 * size);
        machine.Launch(
            "batch_norm_recall",
            KernelGrid.Threadwise(size, 256),
            movedMean,
            movedVariance,
            again,
            size,
            Epsilon
        );
        Check(machine.Get(again), host.Get(recalled), "recalled statistics");

        // Where the CPU has a number or none, so has the device: the channel with the infinite value has none.
        void Compare(float[] actual, float[] expected, string what)
        {
            for (int i = 0; i < expected.Length; i++)
                Assert.That(
                    float.IsNaN(actual[i]),
                    Is.EqualTo(float.IsNaN(expected[i])),
                    $"{what}[{i}] is {actual[i]}, expected {expected[i]}"
                );
            Check(
                [.. actual.Where(float.IsFinite)],
                [.. expected.Where(float.IsFinite)],
                what,
                1e-5
            );
        }
    }

    private static void Check(
        float[] actual,
        float[] expected,
        string what,
        double tolerance = 2e-6
    ) => Close.Check(actual, [.. expected.Select(v => (double)v)], tolerance, what);
}
