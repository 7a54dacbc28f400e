using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>MNIST's four files: found under each of their names, cut into rows or pixels, and refused where they do not fit each other.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class MnistDatasetTests : FolderTest
{
    [Test]
    public void Rows_and_pixels_of_the_same_images_are_sequences()
    {
        MnistFiles.Write(Folder, 5, 3, gzip: false);
        byte[] images = File.ReadAllBytes(PathOf("train-images-idx3-ubyte"))[16..];
        foreach (int channels in (int[])[28, 1, 784])
        {
            MnistDataset mnist = MnistDataset.Load(Folder, channels);
            Assert.That((mnist.Train.Images, mnist.Test.Images), Is.EqualTo((5, 3)));
            LabelledImages train = mnist.Train;
            Assert.That(
                (train.InputSize, train.OutputSize, train.TargetClasses),
                Is.EqualTo((channels, 10, 10))
            );
            Assert.That(
                (train.Longest, train.Shortest),
                Is.EqualTo((784 / channels, 784 / channels))
            );
            var batch = new SequenceBatch(train, 2);
            batch.Load(train, [4, 1]);
            float[] expected = [.. images.Skip(4 * 784).Take(784).Select(pixel => pixel / 255f)];
            float[] read =
            [
                .. Enumerable.Range(0, 784 / channels).SelectMany(t => batch.Input(t, 0).ToArray()),
            ];
            Assert.That(read, Is.EqualTo(expected));
            Assert.That(
                batch.Targets.ToArray(),
                Is.EqualTo(new float[] { train.ClassOf(4), train.ClassOf(1) })
            );
        }
    }

    [Test]
    public void Names_and_compression_do_not_matter()
    {
        MnistFiles.Write(Folder, 4, 2, gzip: false);
        string plain = MnistDataset.Load(Folder).Fingerprint();
        File.Move(PathOf("train-images-idx3-ubyte"), PathOf("train-images.idx3-ubyte"));
        Assert.That(MnistDataset.Load(Folder).Fingerprint(), Is.EqualTo(plain));
        foreach (string name in Names())
            File.Delete(PathOf(name));
        MnistFiles.Write(Folder, 4, 2, gzip: true);
        Assert.That(MnistDataset.Load(Folder).Fingerprint(), Is.EqualTo(plain));
        MnistFiles.Write(Folder, 5, 2, gzip: true);
        Assert.That(MnistDataset.Load(Folder).Fingerprint(), Is.Not.EqualTo(plain));
    }

    [Test]
    public void A_part_has_its_images_and_no_others()
    {
        MnistFiles.Write(Folder, 6, 2, gzip: true);
        LabelledImages all = MnistDataset.Load(Folder).Train;
        LabelledImages part = all.Part(2, 3);
        Assert.That(part.Images, Is.EqualTo(3));
        Assert.That(
            Enumerable.Range(0, 3).Select(part.ClassOf),
            Is.EqualTo(Enumerable.Range(2, 3).Select(all.ClassOf))
        );
        var batch = new SequenceBatch(all, 1);
        batch.Load(all, [4]);
        float[] expected = batch.X.ToArray();
        batch.Load(part, [2]);
        Assert.That(batch.X.ToArray(), Is.EqualTo(expected));
        Assert.That(
            () => all.Part(2, 5),
            Throws
                .InstanceOf<ArgumentOutOfRangeException>()
                .With.Message.Contain("from 2 on there are 4")
        );
        Assert.That(() => all.Part(-1, 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => all.Part(0, 0), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(
            () => all.Part(7, 1),
            Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contain("there are 0")
        );
    }

    [Test]
    public void What_does_not_fit_is_told()
    {
        MnistFiles.Write(Folder, 4, 2, gzip: false);
        Assert.That(
            () => MnistDataset.Load(Folder, 5),
            Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contain("divide the 784")
        );
        Refused(
            "train-labels-idx1-ubyte",
            MnistFiles.Idx(8, [3], [1, 2, 3]),
            "has 4 images, and",
            "classes of 3"
        );
        Refused(
            "train-labels-idx1-ubyte",
            MnistFiles.Idx(8, [4], [1, 2, 10, 3]),
            "image 2: the class must be 0 to 9, not 10"
        );
        Refused(
            "train-labels-idx1-ubyte",
            MnistFiles.Idx(8, [4, 1], [1, 2, 3, 4]),
            "UInt8 [N], not UInt8 [4, 1]"
        );
        Refused(
            "train-images-idx3-ubyte",
            MnistFiles.Idx(8, [1, 28, 27], new byte[756]),
            "UInt8 [N, 28, 28], not UInt8 [1, 28, 27]"
        );
        Refused(
            "train-images-idx3-ubyte",
            MnistFiles.Idx(9, [1, 28, 28], new byte[784]),
            "not Int8 [1, 28, 28]"
        );
        Refused("t10k-images-idx3-ubyte", [], "is empty");

        void Refused(string file, byte[] bytes, params string[] messages)
        {
            byte[] sound = File.ReadAllBytes(PathOf(file));
            File.WriteAllBytes(PathOf(file), bytes);
            TaskDataException error = Assert.Throws<TaskDataException>(() =>
                MnistDataset.Load(Folder)
            );
            foreach (string message in messages)
                Assert.That(error.Message, Does.Contain(message).And.Contain(file));
            File.WriteAllBytes(PathOf(file), sound);
        }
    }
}
