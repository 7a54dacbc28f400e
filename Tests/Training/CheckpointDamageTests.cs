using Microsoft.Win32.SafeHandles;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Files;
using Sequor.Tests.Support;

namespace Sequor.Tests.Training;

/// <summary>Files that are not as they were written are refused, and the one kept from before is named.</summary>
[TestFixture]
public sealed class CheckpointDamageTests : FolderTest
{
    private static readonly Dictionary<string, string> Texts = new() { ["task"] = "adding" };

    private static Backend Backend => Backends.Get(Backends.Widths[^1], 1);

    private string FilePath => PathOf("c");

    // In the bytes, and in the file that has them.
    private void Flip(byte[] bytes, int bit)
    {
        bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        using SafeFileHandle file = File.OpenHandle(FilePath, access: FileAccess.Write);
        RandomAccess.Write(file, bytes.AsSpan(bit / 8, 1), bit / 8);
    }

    [Test]
    public void No_bit_of_a_checkpoint_flips_unnoticed()
    {
        using var model = new Linear(1, 1);
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Training);
        using var sgd = new Sgd(plan, 0.1f);
        Checkpoint.Save(FilePath, plan, sgd, 12, Texts);
        byte[] bytes = File.ReadAllBytes(FilePath);
        int header = 8 + (int)BitConverter.ToUInt64(bytes);
        float[] before = plan.Parameters.ToArray();
        for (int bit = 0; bit < 8 * bytes.Length; bit++)
        {
            Flip(bytes, bit);
            Assert.That(
                () => Checkpoint.Load(FilePath, plan, sgd),
                Throws.TypeOf<CheckpointException>().With.Message.Contains(FilePath),
                $"bit {bit}"
            );
            // The values are not read for what the header says; some bits of each of its bytes will do.
            if (bit / 8 < header && bit % 3 == 0)
                Assert.That(
                    () => Checkpoint.ReadInfo(FilePath),
                    Throws.TypeOf<CheckpointException>(),
                    $"bit {bit}"
                );
            Flip(bytes, bit);
        }
        Assert.That(plan.Parameters.ToArray(), Is.EqualTo(before));
        Assert.That(Checkpoint.Load(FilePath, plan, sgd), Is.EqualTo(12));
    }

    [Test]
    public void No_bit_of_a_large_checkpoint_flips_unnoticed()
    {
        using var model = new Sequential(new Lstm(3, 160), new Linear(160, 2));
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Training);
        using var adam = new Adam(plan, 0.1f);
        Checkpoint.Save(FilePath, plan, adam, 12, Texts);
        byte[] bytes = File.ReadAllBytes(FilePath);
        // More than is read at a time.
        Assert.That(bytes, Has.Length.GreaterThan(1 << 20));
        var random = new Random(1);
        for (int i = 0; i < 60; i++)
        {
            int bit = random.Next(8 * bytes.Length);
            Flip(bytes, bit);
            Assert.That(
                () => Checkpoint.Load(FilePath, plan, adam),
                Throws.TypeOf<CheckpointException>().With.Message.Contains("checksum"),
                $"bit {bit}"
            );
            Flip(bytes, bit);
        }
    }

    [Test]
    public void No_bit_of_a_model_flips_unnoticed()
    {
        using var model = new Linear(1, 1);
        model.Initialize(Backend);
        model.Save(FilePath);
        byte[] bytes = File.ReadAllBytes(FilePath);
        for (int bit = 0; bit < 8 * bytes.Length; bit++)
        {
            Flip(bytes, bit);
            Assert.That(
                () => model.Load(FilePath),
                Throws.TypeOf<SafetensorsException>(),
                $"bit {bit}"
            );
            Flip(bytes, bit);
        }
    }

    [Test]
    public void A_checkpoint_cut_short_or_lengthened_anywhere_is_refused()
    {
        using var model = new Linear(1, 1);
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Training);
        using var sgd = new Sgd(plan, 0.1f);
        Checkpoint.Save(FilePath, plan, sgd, 12, Texts);
        byte[] bytes = File.ReadAllBytes(FilePath);
        for (int length = 0; length <= bytes.Length + 8; length++)
        {
            if (length == bytes.Length)
                continue;
            File.WriteAllBytes(
                FilePath,
                length < bytes.Length
                    ? bytes[..length]
                    : [.. bytes, .. new byte[length - bytes.Length]]
            );
            Assert.That(
                () => Checkpoint.Load(FilePath, plan, sgd),
                Throws.TypeOf<CheckpointException>(),
                $"{length} bytes"
            );
        }
    }

    [Test]
    public void A_checksum_is_needed_but_in_files_of_the_first_version()
    {
        using var model = new Linear(1, 1);
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Training);
        using var sgd = new Sgd(plan, 0.1f);
        Checkpoint.Save(FilePath, plan, sgd, 12, Texts);
        Write(texts => texts.Remove(FileChecksum.Key));
        Assert.That(
            () => Checkpoint.ReadInfo(FilePath),
            Throws.TypeOf<CheckpointException>().With.Message.Contains($"'{FileChecksum.Key}'")
        );

        Write(texts => texts["format"] = "sequor.checkpoint/1");
        Assert.That(Checkpoint.Load(FilePath, plan, sgd), Is.EqualTo(12));

        Write(texts =>
            texts[FileChecksum.Key] = $"xxh128 {new string('1', 32)} {new string('2', 32)}"
        );
        Assert.That(
            () => Checkpoint.ReadInfo(FilePath),
            Throws.TypeOf<CheckpointException>().With.Message.Contains("checksum"),
            "one that is there must be right"
        );
        foreach (
            string wrong in (string[])["", "xxh128 1", new string('é', 36), new string('x', 72)]
        )
        {
            Write(texts => texts[FileChecksum.Key] = wrong);
            Assert.That(
                () => Checkpoint.ReadInfo(FilePath),
                Throws.TypeOf<CheckpointException>().With.Message.Contains($"'{FileChecksum.Key}'")
            );
        }
    }

    // A text that looks like the checksum's place is none.
    [Test]
    public void Texts_may_be_like_the_checksum()
    {
        using var model = new Linear(1, 1);
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Training);
        using var sgd = new Sgd(plan, 0.1f);
        var texts = new Dictionary<string, string>
        {
            [$"a,\"{FileChecksum.Key}"] = FileChecksum.Unknown,
            ["b"] = $",\"{FileChecksum.Key}\":\"{FileChecksum.Unknown}\"",
        };
        Checkpoint.Save(FilePath, plan, sgd, 12, texts);
        Assert.That(Checkpoint.Load(FilePath, plan, sgd), Is.EqualTo(12));
        Assert.That(Checkpoint.ReadInfo(FilePath).Metadata, Is.EquivalentTo(texts));
    }

    // As others than Sequor's own formats are: no checksum, nothing that changes.
    private void Write(Action<Dictionary<string, string>> change)
    {
        Dictionary<string, string> texts;
        List<SafetensorsTensor> tensors;
        using (SafetensorsFile file = Safetensors.Open(FilePath))
        {
            texts = new(file.Metadata);
            tensors =
            [
                .. file.Entries.Select(entry =>
                    SafetensorsTensor.Of(entry.Name, file.ReadFloats(entry.Name), [.. entry.Shape])
                ),
            ];
        }
        change(texts);
        Safetensors.Write(FilePath, tensors, texts);
    }

    [Test]
    public void A_stream_that_cannot_go_back_gets_the_same_bytes()
    {
        if (OperatingSystem.IsWindows())
            Assert.Ignore("There are no FIFOs.");
        using var model = new Sequential(new Lstm(3, 4), new Linear(4, 2));
        model.Initialize(Backend);
        model.Save(FilePath);
        string fifo = PathOf("fifo");
        using (var make = System.Diagnostics.Process.Start("mkfifo", [fifo]))
            make.WaitForExit();
        Task<byte[]> read = Task.Run(() => File.ReadAllBytes(fifo));
        model.Save(fifo);
        Assert.That(read.Result, Is.EqualTo(File.ReadAllBytes(FilePath)));
    }

    [Test]
    public void What_is_not_finite_is_refused_with_its_place(
        [Values(float.NaN, float.PositiveInfinity, float.NegativeInfinity)] float odd,
        [Values("model.1.weight", "model.0.bias_hh_l0", "optimizer.mean.1.weight")] string name
    )
    {
        using var model = new Sequential(new Lstm(3, 4), new Linear(4, 2));
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Training);
        using var adam = new Adam(plan, 0.1f);
        Checkpoint.Save(FilePath, plan, adam, 7, Texts);
        float[] before = plan.Parameters.ToArray();
        SafetensorsEdit.Change(
            FilePath,
            (tensor, values) =>
            {
                if (tensor == name)
                    values[6] = values[^1] = odd;
            }
        );
        string place = name.Contains("weight") ? "[1, 2]" : "[6]";
        Assert.That(
            () => Checkpoint.Load(FilePath, plan, adam),
            Throws
                .TypeOf<CheckpointException>()
                .With.Message.Contains(FilePath)
                .And.Message.Contains(FormattableString.Invariant($"{name} is {odd} at {place}"))
        );
        Assert.That(plan.Parameters.ToArray(), Is.EqualTo(before));
    }

    [Test]
    public void What_is_not_finite_is_not_saved()
    {
        using var model = new Sequential(new Lstm(3, 4), new Linear(4, 2));
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Training);
        using var adam = new Adam(plan, 0.1f);
        Checkpoint.Save(FilePath, plan, adam, 7, Texts);
        float[] weight = plan.Parameter("1.weight").ToArray();
        weight[5] = float.NaN;
        plan.Parameter("1.weight").Write(weight);
        Assert.That(
            () => Checkpoint.Save(FilePath, plan, adam, 8, Texts, keep: 1),
            Throws
                .TypeOf<DivergedException>()
                .With.Message.Contains("model.1.weight is NaN at [1, 1]")
        );
        Assert.That(Checkpoint.ReadInfo(FilePath).Position, Is.EqualTo(7));
        Assert.That(Names(), Is.EqualTo(new[] { "c" }));
    }

    // Gradients that were not finite were skipped; the state tells of them.
    [Test]
    public void The_norm_of_a_skipped_step_and_what_a_caller_adds_may_be_anything()
    {
        using var model = new Linear(2, 2);
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Training);
        using var adam = new Adam(plan, 0.1f);
        plan.Backend.Fill(plan.Gradients, float.NaN);
        adam.Step();
        Assert.That(adam.GradientNorm, Is.NaN);
        using Storage storage = Backend.Allocate(2, MemoryCategory.Optimizer);
        var best = new Tensor(storage, 0, new Shape(2));
        best.Write([float.PositiveInfinity, float.NaN]);
        Checkpoint.Save(FilePath, plan, adam, 1, Texts, [("best", best)]);
        best.Write([0, 0]);
        Assert.That(Checkpoint.Load(FilePath, plan, adam, [("best", best)]), Is.EqualTo(1));
        Assert.That(best.ToArray(), Is.EqualTo(new[] { float.PositiveInfinity, float.NaN }));
        Assert.That(adam.SkippedSteps, Is.EqualTo(1));
    }

    [Test]
    public void A_model_of_values_that_are_not_finite_is_refused()
    {
        using var model = new Linear(2, 3);
        model.Initialize(Backend);
        model.Save(FilePath);
        SafetensorsEdit.Change(
            FilePath,
            (name, values) =>
            {
                if (name == "weight")
                    values[3] = float.NaN;
            }
        );
        Assert.That(
            () => model.Load(FilePath),
            Throws.TypeOf<SafetensorsException>().With.Message.Contains("weight is NaN at [1, 1]")
        );
    }

    [Test]
    public void A_damaged_checkpoint_names_the_one_kept_from_before()
    {
        using var model = new Linear(1, 1);
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Training);
        using var sgd = new Sgd(plan, 0.1f);
        Checkpoint.Save(FilePath, plan, sgd, 5, Texts, keep: 2);
        Checkpoint.Save(FilePath, plan, sgd, 6, Texts, keep: 2);
        Checkpoint.Save(FilePath, plan, sgd, 7, Texts, keep: 2);
        byte[] bytes = File.ReadAllBytes(FilePath);
        string newest = $"'{FilePath}.1', kept from before, is whole; it is of step 6.";

        foreach (
            byte[] damaged in (byte[][])
                [
                    [],
                    bytes[..^1],
                    [.. bytes[..^1], 77],
                    new byte[500],
                ]
        )
        {
            File.WriteAllBytes(FilePath, damaged);
            Assert.That(
                () => Checkpoint.Load(FilePath, plan, sgd),
                Throws.TypeOf<CheckpointException>().With.Message.EndsWith(newest)
            );
        }
        File.Delete(FilePath);
        Assert.That(
            () => Checkpoint.ReadInfo(FilePath),
            Throws.InstanceOf<IOException>().With.Message.EndsWith(newest)
        );
        // Not one that is as bad.
        SafetensorsEdit.Change(FilePath + ".1", (_, values) => values[0] = float.NaN);
        Assert.That(
            () => Checkpoint.ReadInfo(FilePath),
            Throws
                .InstanceOf<IOException>()
                .With.Message.EndsWith(
                    $"'{FilePath}.2', kept from before, is whole; it is of step 5."
                )
        );
        File.WriteAllBytes(FilePath + ".2", bytes[..^1]);
        File.WriteAllBytes(FilePath, bytes[..^1]);
        Assert.That(
            () => Checkpoint.Load(FilePath, plan, sgd),
            Throws.TypeOf<CheckpointException>().With.Message.Contains("damaged as well")
        );
        // One that does not fit is not damaged.
        File.WriteAllBytes(FilePath, bytes);
        using var adam = new Adam(plan, 0.1f);
        Assert.That(
            () => Checkpoint.Load(FilePath, plan, adam),
            Throws.TypeOf<CheckpointException>().With.Message.Not.Contains("kept")
        );
    }
}
