using System.Globalization;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>
/// Recurrent layers by the kernels whose weights stay on the chip: all that is asked of layers by cuDNN, and what they alone have. What
/// they do not take goes by cuDNN, so that each test says which cells they took.
/// </summary>
[TestFixture]
public sealed class CudaChipRecurrentTests : CudaRecurrentFixture
{
    private static readonly string[] s_kinds = ["tanh", "relu", "lstm"];

    private protected override RecurrentMethod? RecurrentWay => RecurrentMethod.Own;

    // Where a block has the most shared memory.
    private protected override int? Capability => 90;

    [TearDown]
    public void Is_taken_for_what_it_takes()
    {
        foreach (CudaChoice choice in Gpu.Choices.Where(c => c.Kind == "recurrent"))
        {
            string[] words = choice.Shape.Split([' ', ',']);
            int hidden = int.Parse(
                words[Array.IndexOf(words, "hidden") + 1],
                CultureInfo.InvariantCulture
            );
            bool takes =
                s_kinds.Contains(words[0])
                && hidden <= (words[0] == "lstm" ? 136 : 272)
                && !words.Contains("projection")
                && choice.Reason?.Contains("packed", StringComparison.Ordinal) != true;
            Assert.That(
                choice.Taken == "own",
                Is.EqualTo(takes),
                $"{choice.Shape}: {choice.Reason}"
            );
        }
    }

    // Every class, its last units and the first of the next.
    [Test]
    public void Every_class_is_that_of_the_cpu(
        [Values(
            "tanh 63",
            "tanh 64",
            "relu 65",
            "tanh 192",
            "tanh 193",
            "relu 256",
            "tanh 257",
            "tanh 272",
            "lstm 32",
            "lstm 33",
            "lstm 96",
            "lstm 97",
            "lstm 128",
            "lstm 129",
            "lstm 136"
        )]
            string net,
        [Values] bool packed
    )
    {
        string[] words = net.Split(' ');
        Compare(
            words[0],
            3,
            int.Parse(words[1], CultureInfo.InvariantCulture),
            new RecurrentOptions { Bidirectional = packed },
            4,
            3,
            packed ? [4, 2, 2] : null
        );
    }

    // Its dropout draws the CPU's masks.
    [Test]
    public void Dropout_is_that_of_the_cpu(
        [Values("tanh", "lstm")] string kind,
        [Values] bool packed
    ) =>
        Compare(
            kind,
            3,
            6,
            new RecurrentOptions
            {
                Layers = 4,
                Bidirectional = true,
                Dropout = 0.4f,
            },
            6,
            3,
            packed ? [6, 4, 1] : null
        );

    [Test]
    public void A_clipped_cell_is_that_of_the_cpu_whatever_else_there_is([Values] bool packed) =>
        Compare(
            "lstm",
            3,
            7,
            new RecurrentOptions
            {
                Layers = 2,
                Bidirectional = true,
                CellClip = new CellClip(-0.1f, 0.2f),
            },
            6,
            3,
            packed ? [6, 3, 1] : null
        );

    // A state that is not finite stays in its own sequence.
    [Test]
    public void A_state_that_is_no_number_stays_in_its_sequence(
        [Values("tanh", "relu", "lstm")] string kind
    )
    {
        const int T = 4;
        using Layer layer = Models.Recurrent(kind, 2, 5);
        using Plan plan = layer.Plan(Gpu, T, 2, Mode.Evaluation);
        float[] x = new Draw(1).Uniform(T * 2 * 2);
        float[] all = plan.Forward(x, T, 2).ToArray();
        x[2 * 2] = float.NaN;
        float[] broken = plan.Forward(x, T, 2).ToArray();
        for (int i = 0; i < all.Length; i++)
        {
            int step = i / 10;
            bool second = i / 5 % 2 == 1;
            if (second || step == 0)
                Assert.That(broken[i], Is.EqualTo(all[i]));
            else
                Assert.That(float.IsNaN(broken[i]));
        }
    }

    // Forward and backward are one launch each, beside the order of the weights and the sums for the biases.
    [Test]
    [VirtualGpuOnly]
    public void A_step_is_four_launches_and_four_products(
        [Values("tanh", "relu", "lstm")] string kind
    )
    {
        using Layer layer = Models.Recurrent(kind, 3, 8);
        using Plan plan = layer.Plan(
            Gpu,
            6,
            2,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        float[] x = new Draw(1).Uniform(6 * 2 * 3);
        using Storage taken = Gpu.Allocate(6 * 2 * 8, MemoryCategory.InputOutput);
        Tensor dy = taken.View(new Shape(6, 2, 8));
        dy.Write(new Draw(2).Uniform(dy.Count));
        Step();
        long allocations = Gpu.Memory.Allocations;
        Virtual!.Counts.Reset();
        Step();

        Assert.Multiple(() =>
        {
            Assert.That(Virtual.Counts.Of("cuLaunchKernel"), Is.EqualTo(4));
            Assert.That(Virtual.Counts.Of("cublasSgemm"), Is.EqualTo(4));
            Assert.That(Virtual.Counts.OfAll("cudnn"), Is.Zero);
            Assert.That(Gpu.Memory.Allocations, Is.EqualTo(allocations));
        });

        void Step()
        {
            plan.SetInput(x, 6, 2);
            plan.Forward(plan.Input(6, 2));
            plan.Backward(dy);
        }
    }
}
