using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;

namespace Sequor.Tests.Cuda;

/// <summary>States of sequences that are packed in another order than the caller's, on CUDA against the CPU backend.</summary>
[TestFixture]
public sealed class CudaStateOrderTests : CudaFixture
{
    private const int T = 7;

    private static readonly int[][] Lengths =
    [
        [1],
        [2, 7, 3, 7, 1],
        [7, 6, 5],
        [1, 2, 3, 4],
    ];

    [Test]
    public void States_are_those_of_the_caller_s_sequences([Values(1, 33)] int width)
    {
        using var onGpu = new Lstm(2, width, layers: 2);
        using var onCpu = new Lstm(2, width, layers: 2);
        using Plan gpu = Make(onGpu, Gpu);
        using Plan cpu = Make(onCpu, Cpu);
        foreach (int[] lengths in Lengths)
        {
            float[][] found = Step(gpu, lengths, width);
            float[][] expected = Step(cpu, lengths, width);
            string[] names = ["y", "hy", "cy", "dhx", "dcx"];
            for (int i = 0; i < names.Length; i++)
                Against.Cpu("states in order", names[i], found[i], expected[i], 2e-5);
        }
    }

    [Test]
    [VirtualGpuOnly]
    public void They_are_moved_by_a_launch_however_many_they_are()
    {
        VirtualDevice device = RequireVirtual();
        using var layer = new Gru(2, 3, layers: 4);
        using Plan plan = Make(layer, Gpu);
        var counts = new List<(long Launches, long Copies)>();
        foreach (int[] lengths in Lengths)
        {
            plan.States[""].Initial(lengths.Length);
            Gpu.Synchronize();
            device.Counts.Reset();
            Step(plan, lengths, 3);
            counts.Add((device.Counts.Of("cuLaunchKernel"), device.Counts.Of("cuMemcpyDtoDAsync")));
        }

        Assert.That(counts.Distinct().ToArray(), Has.Length.EqualTo(1));
    }

    private static Plan Make(Layer layer, Backend on) =>
        layer.Plan(
            on,
            T,
            5,
            Mode.Training,
            new PlanOptions
            {
                Seed = 3,
                VariableLengths = true,
                States = true,
            }
        );

    private static float[][] Step(Plan plan, int[] lengths, int width)
    {
        int batch = lengths.Length;
        var draw = new Draw((ulong)batch);
        foreach ((string name, float[] values) in draw.Parameters(plan.Model))
            plan.Parameter(name).Write(values);
        Write(plan.States[""].Initial(batch), draw);
        float[] y = plan.Forward(draw.Uniform((long)T * batch * 2), T, batch, lengths).ToArray();
        Write(plan.States[""].FinalGradient, draw);
        Tensor dy = plan.Backend.Allocate(new Shape(T, batch, width), MemoryCategory.InputOutput);
        dy.Write(draw.Uniform(dy.Count));
        plan.Backward(dy);
        RecurrentStates states = plan.States[""];
        float[][] found =
        [
            y,
            states.Final.Hidden.ToArray(),
            Values(states.Final.Cell),
            states.InitialGradient.Hidden.ToArray(),
            Values(states.InitialGradient.Cell),
        ];
        dy.Storage.Dispose();
        return found;
    }

    private static float[] Values(Tensor tensor) => tensor.IsEmpty ? [] : tensor.ToArray();

    private static void Write(RecurrentState state, Draw draw)
    {
        state.Hidden.Write(draw.Uniform(state.Hidden.Count));
        if (!state.Cell.IsEmpty)
            state.Cell.Write(draw.Uniform(state.Cell.Count));
    }
}
