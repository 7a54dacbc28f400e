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

    // Of outputs, inputs, taps and steps between them, for sequences of so many steps: one filter, or several in a launch, of which the
    // smaller ones leave some of the grid without an output.
    private static IEnumerable<TestCaseData> Filters()
    {
        (int, int, int, int)[] several =
        [
            (3, 4, 3, 1),
            (1, 1, 1, 7),
            (5, 11, 3, 2),
            (2, 140, 7, 4),
        ];
        yield return new(new[] { (1, 1, 1, 1) }, 1);
        yield return new(new[] { (5, 11, 3, 1) }, 600);
        yield return new(new[] { (3, 100, 7, 1) }, 7);
        foreach (int steps in new[] { 1, 2, 5, 9, int.MaxValue })
            yield return new(several, steps);
    }

    [TestCaseSource(nameof(Filters))]
    public void Weight_norms_and_their_gradients_are_those_of_the_cpu(
        (int, int, int, int)[] sizes,
        int steps
    )
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)sizes.Length);
        (DeviceBundle parameters, DeviceBundle gradients) = (new(machine), new(machine));
        (DeviceBundle prepared, DeviceBundle slopes) = (new(machine), new(machine));
        List<(WeightNormTensors Filter, WeightNormGradients Gradient, long[] Places)> all = [];
        List<int> words = [];
        long bytes = 0;
        int most = sizes.Max(each => each.Item1);
        foreach ((int outputs, int inputs, int taps, int dilation) in sizes)
        {
            int size = inputs * taps;
            int live = (int)Math.Min(taps, 1L + (steps - 1) / dilation);
            float[] v = draw.Uniform(outputs * size);
            float[] g = draw.Uniform(outputs, 0.5f, 2f);
            float[] dw = draw.Uniform(outputs * size);
            for (int i = 0; i < dw.Length; i++)
                dw[i] = i % taps < taps - live ? 0f : dw[i];
            float[] dv = draw.Uniform(outputs * size);
            float[] dg = draw.Uniform(outputs);
            var filter = new WeightNormTensors(
                host.Put(v, outputs, inputs, taps),
                host.Put(g, outputs),
                host.New(outputs, inputs, taps),
                host.New(outputs),
                dilation
            );
            var gradient = new WeightNormGradients(
                host.Put(dw, outputs, inputs, taps),
                steps,
                host.Put(dv, outputs, inputs, taps),
                host.Put(dg, outputs)
            );
            // What is not live is not read.
            float[] read = InputsLast(dw, inputs, taps);
            for (int i = 0; i < read.Length; i++)
                read[i] = i / inputs % taps < taps - live ? float.NaN : read[i];
            long[] places =
            [
                parameters.Add(v),
                parameters.Add(g),
                prepared.Add(v.Length),
                prepared.Add(outputs),
                slopes.Add(read),
            ];
            gradients.Add(dv);
            gradients.Add(dg);
            all.Add((filter, gradient, places));
            words.AddRange(DeviceBundle.Words(places, [outputs, inputs, taps, dilation]));
            // Weights, forward and backward, where dw is twice read, and what the threads of a block read together.
            long alive = (long)outputs * inputs * live;
            bytes += (12L + 16) * outputs * size + 8 * alive;
            bytes += (4L * 128 + 4 + 8L * Math.Min(128, size) + 8) * outputs;
        }
        DeviceArray table = machine.Put(words.ToArray());
        KernelGrid grid = KernelGrid.Table(sizes.Length, most, 128);
        host.Backend.WeightNorm([.. all.Select(each => each.Filter)]);
        host.Backend.WeightNormGradient(
            [.. all.Select(each => each.Filter)],
            [.. all.Select(each => each.Gradient)]
        );
        machine.Launch("weight_norm", grid, table, parameters.All, prepared.All);
        machine.Launch(
            "weight_norm_gradient",
            grid,
            table,
            parameters.All,
            prepared.All,
            slopes.All,
            gradients.All,
            steps
        );

        foreach ((WeightNormTensors filter, WeightNormGradients gradient, long[] at) in all)
        {
            (int inputs, int taps) = (filter.V.Shape[1], filter.V.Shape[2]);
            float[] w = InputsLast(host.Get(filter.W), inputs, taps);
            Check(prepared.Get(at[2], w.Length), w, "w");
            Check(prepared.Get(at[3], filter.G.Count), host.Get(filter.Norms), "norms");
            Check(gradients.Get(at[0], w.Length), host.Get(gradient.V), "dv");
            Check(gradients.Get(at[1], filter.G.Count), host.Get(gradient.G), "dg");
        }
        prepared.RequireGaps(Places(2));
        gradients.RequireGaps(Places(0));
        const int Entry = 56;
        Assert.That(
            machine.Counts.BytesRead + machine.Counts.BytesWritten,
            Is.EqualTo(bytes + 2L * Entry * grid.Blocks)
        );

        IEnumerable<(long, long)> Places(int first) =>
            all.SelectMany(each =>
                new[]
                {
                    (each.Places[first], each.Filter.V.Count),
                    (each.Places[first + 1], each.Filter.G.Count),
                }
            );
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
    [TestCase(9000, 20)]
    [TestCase(2000, 53)]
    [TestCase(300, 1030)]
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

        float[] skip = draw.Uniform(rows * size);
        float[] direct = draw.Uniform(size);
        DeviceArray counters = machine.Zeros(Joins(grid.X).Sum());
        foreach (
            (bool accumulate, bool skips) in new[]
            {
                (false, false),
                (true, false),
                (false, true),
                (true, true),
            }
        )
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
                host.New((int)norm.WorkspaceCount),
                skips ? host.Put(skip, rows, size) : default,
                skips ? host.Put(direct, size) : default
            );
            DeviceArray slopes = accumulate ? machine.Put(start) : machine.New(rows * size);
            DeviceArray dscales = machine.Put(weight);
            DeviceArray dshifts = machine.Put(bias);
            long before = machine.Counts.BytesRead + machine.Counts.BytesWritten;
            machine.Launch(
                $"layer_norm_gradient{suffix}",
                grid,
                values,
                scales,
                machine.Put(host.Get(statistics)),
                machine.Put(dy),
                skips ? machine.Put(skip) : DeviceArray.Null,
                skips ? machine.Put(direct) : DeviceArray.Null,
                slopes,
                dscales,
                dshifts,
                (long)rows,
                size,
                accumulate ? 1 : 0,
                machine.New(2L * size * grid.X),
                // Of the launch before, which has to leave them at 0.
                counters
            );
            Assert.That(
                machine.Counts.BytesRead + machine.Counts.BytesWritten - before,
                Is.EqualTo(NormGradientBytes(rows, size, grid.X, accumulate, skips))
            );
            if (size > 1)
                Check(machine.Get(slopes), host.Get(dx), "dx");
            // Sums over all rows, thousands of them in one case, in another order.
            Check(machine.Get(dscales), host.Get(dweight), "dweight", 4e-6);
            Check(machine.Get(dshifts), host.Get(dbias), "dbias", 4e-6);
        }
    }

    // What the head of layer_norm.cu counts, and what threads share: statistics of their row, factors of their channel.
    private static long NormGradientBytes(
        long rows,
        long size,
        int blocks,
        bool accumulate,
        bool skips
    )
    {
        bool keeps = size <= 512;
        long element = keeps ? 12 : 20 + 16;
        element += accumulate ? 4 : 0;
        element += (skips, keeps) switch
        {
            (false, _) => 0,
            (true, true) => 4,
            (true, false) => 8,
        };
        int factors = skips ? 8 : 4;
        long shared = keeps
            ? 8 * 32 * rows + factors * size * 4 * blocks
            : 8 * 128 * rows + 2 * factors * size * rows;
        int[] joins = Joins(blocks);
        // Read by each level, the blocks' own by the first; each level but the last writes what it has joined.
        long parts = blocks + blocks + 2 * joins[..^1].Sum();
        return element * rows * size + shared + 8 * size * parts + 16 * size;
    }

    // By how many blocks each level of a gradient's sums is joined.
    private static int[] Joins(int blocks)
    {
        var joins = new List<int>();
        do
        {
            blocks = (blocks + 7) / 8;
            joins.Add(blocks);
        } while (blocks > 1);
        return [.. joins];
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
