using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>MNIST pixel by pixel, in the order of the rows and in a drawn one.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PixelTaskTests : FolderTest
{
    private const int Train = 25;

    private TaskSets Sets(string task)
    {
        MnistFiles.Write(Folder, Train, 4, gzip: true);
        TaskEntry entry = Sequor.Workloads.Tasks.Get(task);
        return entry.CreateSets(0, 0, 1, entry.Load(Folder));
    }

    private static float[] Pixels(Dataset set, int image)
    {
        var batch = new SequenceBatch(set, 1);
        batch.Load(set, [image]);
        return [.. Enumerable.Range(0, batch.Length).Select(t => batch.Input(t, 0)[0])];
    }

    [Test]
    public void Pixels_are_scaled_as_by_Bai_and_the_last_tenth_is_held_out()
    {
        TaskSets sets = Sets("smnist");
        byte[] bytes = new byte[Train * 784];
        IdxFile.Read(PathOf("train-images-idx3-ubyte.gz")).Bytes.CopyTo(bytes);
        Assert.That((sets.Train.Count, sets.Valid.Count, sets.Test.Count), Is.EqualTo((23, 2, 4)));
        foreach (
            (Dataset set, int image, int whole) in ((Dataset, int, int)[])
                [(sets.Train, 0, 0), (sets.Train, 22, 22), (sets.Valid, 0, 23), (sets.Valid, 1, 24)]
        )
        {
            float[] expected =
            [
                .. bytes
                    .Skip(whole * 784)
                    .Take(784)
                    .Select(pixel => (float)(((pixel / 255.0) - 0.1307) / 0.3081)),
            ];
            Assert.That(Pixels(set, image), Is.EqualTo(expected).Within(1e-6f));
        }
        Assert.That(sets.Valid.Name, Is.EqualTo("valid"));
        Assert.That((sets.Train.InputSize, sets.Train.OutputSize), Is.EqualTo((1, 10)));
    }

    [Test]
    public void A_permutation_is_the_same_for_all_images_sets_and_runs()
    {
        TaskSets rows = Sets("smnist");
        TaskSets mixed = Sets("pmnist");
        int[] order = Permutation.Of(784, 1);
        Assert.That(order, Is.Not.Ordered);
        Assert.That(order.Order(), Is.EqualTo(Enumerable.Range(0, 784)));
        foreach (
            (Dataset a, Dataset b) in ((Dataset, Dataset)[])
                [(rows.Train, mixed.Train), (rows.Valid, mixed.Valid), (rows.Test, mixed.Test)]
        )
        {
            float[] there = Pixels(a, 1);
            Assert.That(Pixels(b, 1), Is.EqualTo(order.Select(place => there[place])));
        }
        // Those of other machines and versions: results stand beside each other only with one order.
        Assert.That(order[..8], Is.EqualTo(FirstEight));
        Assert.That(Permutation.Of(784, 2), Is.Not.EqualTo(order));
        Assert.That(Permutation.Of(0, 1), Is.Empty);
    }

    private static readonly int[] FirstEight = [566, 617, 716, 513, 291, 92, 213, 766];

    [Test]
    public void A_stream_for_measuring_has_the_images_in_a_random_order()
    {
        TaskSets sets = Sets("smnist");
        TaskEntry entry = Sequor.Workloads.Tasks.Get("smnist");
        SequenceTask task = entry.CreateStream(0, entry.Load(Folder));
        Assert.That(task.Length, Is.EqualTo(784));
        var batch = new SequenceBatch(task, 40);
        foreach (ulong stream in (ulong[])[5, SequenceTask.HeldOutStream])
        {
            Dataset set = stream == 5 ? sets.Train : sets.Valid;
            float[][] images =
            [
                .. Enumerable.Range(0, set.Count!.Value).Select(i => Pixels(set, i)),
            ];
            batch.Load(task.Stream(stream), 0, 40);
            for (int b = 0; b < 40; b++)
            {
                int place = b;
                float[] row = [.. Enumerable.Range(0, 784).Select(t => batch.Input(t, place)[0])];
                Assert.That(images.Any(image => image.AsSpan().SequenceEqual(row)), Is.True);
            }
        }
        Assert.That(
            () => entry.CreateStream(100, entry.Load(Folder)),
            Throws.ArgumentException.With.Message.Contains("decide how long")
        );
    }

    [Test]
    public void An_order_that_is_none_is_refused()
    {
        MnistFiles.Write(Folder, 3, 2, gzip: false);
        LabelledImages images = MnistDataset.Load(Folder, 1).Train;
        Assert.Multiple(() =>
        {
            Assert.That(() => images.Scaled(0, 1, [1, 2, 3]), Throws.ArgumentException);
            Assert.That(() => images.Scaled(0, 1, new int[784]), Throws.ArgumentException);
            Assert.That(
                () => images.Scaled(0, 0),
                Throws.InstanceOf<ArgumentOutOfRangeException>()
            );
            Assert.That(
                () => images.Scaled(0, float.NaN),
                Throws.InstanceOf<ArgumentOutOfRangeException>()
            );
        });
    }

    [Test]
    public void One_image_is_too_few_to_hold_one_out()
    {
        MnistFiles.Write(Folder, 1, 1, gzip: false);
        TaskEntry entry = Sequor.Workloads.Tasks.Get("smnist");
        Assert.That(
            () => entry.CreateSets(0, 0, 1, entry.Load(Folder)),
            Throws.TypeOf<TaskDataException>().With.Message.Contains("at least 2")
        );
    }
}
