using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native;
using Sequor.Tests.Support;
using static Sequor.Native.DLDataTypeCode;
using static Sequor.Native.DLDeviceType;

namespace Sequor.Tests.Interchange;

/// <summary>What is no tensor here is refused with what was given, what is allowed and what can be done; and is given back all the same.</summary>
[TestFixture]
public sealed class DlPackRefusalTests
{
    private static Backend Cpu => Backends.Get(256, 1);

    private static IEnumerable<TestCaseData> Bad() =>
        [
            Of("float64", p => p.Type = Producer.TypeOf(kDLFloat, 64), "float64", "x.float()"),
            Of("float16", p => p.Type = Producer.TypeOf(kDLFloat, 16), "float16", "x.float()"),
            Of("bfloat16", p => p.Type = Producer.TypeOf(kDLBfloat, 16), "bfloat16"),
            Of(
                "int64",
                p => p.Type = Producer.TypeOf(kDLInt, 64),
                "int64",
                "astype(\"float32\")",
                "Class numbers",
                "2^24"
            ),
            Of("int32", p => p.Type = Producer.TypeOf(kDLInt, 32), "int32", "Class numbers"),
            Of("uint8", p => p.Type = Producer.TypeOf(kDLUInt, 8), "uint8", "Class numbers"),
            Of("bool", p => p.Type = Producer.TypeOf(kDLBool, 8), "are bool"),
            Of("complex64", p => p.Type = Producer.TypeOf(kDLComplex, 64), "complex64"),
            Of("float8", p => p.Type = Producer.TypeOf(kDLFloat8_e4m3fn, 8), "float8_e4m3fn"),
            Of("no type", p => p.Type = Producer.TypeOf((DLDataTypeCode)99, 32), "code 99"),
            Of("four lanes", p => p.Type = Producer.TypeOf(kDLFloat, 32, 4), "4 lanes of float32"),
            Of("no lanes", p => p.Type = Producer.TypeOf(kDLFloat, 32, 0), "0 lanes"),
            Of(
                "a GPU's",
                p => p.Device = new() { device_type = kDLCUDA, device_id = 3 },
                "cuda:3",
                "backend is cpu",
                "x.cpu()",
                "Device.Cuda(3)"
            ),
            Of("ROCm's", p => p.Device = new() { device_type = kDLROCM }, "ROCM 0"),
            Of("no device", p => p.Device = new() { device_type = (DLDeviceType)77 }, "type 77"),
            Of("four dimensions", p => p.Sizes = [2, 3, 2, 2], "[2, 3, 2, 2]", "1 to 3", "reshape"),
            Of("a leading one too many", p => p.Sizes = [1, 2, 3, 4], "4 dimensions"),
            Of(
                "transposed",
                p => (p.Sizes, p.Strides) = ([4, 6], [1, 4]),
                "[4, 6] has strides [1, 4] in elements",
                "[6, 1]",
                "x.contiguous()",
                "numpy.ascontiguousarray(x)"
            ),
            Of("reversed", p => (p.Sizes, p.Strides) = ([24], [-1]), "strides [-1]"),
            Of("every second", p => (p.Sizes, p.Strides) = ([12], [2]), "strides [2]"),
            Of("columns of more", p => (p.Sizes, p.Strides) = ([4, 3], [6, 1]), "[6, 1]", "[3, 1]"),
            Of("repeated", p => (p.Sizes, p.Strides) = ([4, 6], [0, 1]), "strides [0, 1]"),
            Of("a size below 0", p => p.Sizes = [2, -3], "[2, -3]", "below 0"),
            Of("a size above int", p => p.Sizes = [1L << 31, 0], "2147483648", "2147483647"),
            Of("too many values", p => p.Sizes = [1 << 30, 1 << 30, 1 << 30], "addressed"),
            Of("dimensions below 0", p => p.Dimensions = -1, "-1 dimensions", "wrongly"),
            Of("no sizes", p => (p.Sizes, p.Dimensions) = (null, 2), "no sizes", "wrongly"),
            Of("no address", p => p.Data = 0, "[2, 3, 4]", "null"),
            Of("no address but an offset", p => (p.Data, p.ByteOffset) = (0, 64), "null"),
            Of("an odd address", p => p.ByteOffset = 2, "multiple of 4", "0x"),
            Of("an offset to nowhere", p => p.ByteOffset = ulong.MaxValue - 3, "wrongly"),
        ];

    private static TestCaseData Of(string name, Action<Producer> spoil, params string[] says) =>
        new TestCaseData(spoil, says).SetArgDisplayNames(name);

    [TestCaseSource(nameof(Bad))]
    public void It_is_refused_and_given_back(Action<Producer> spoil, string[] says)
    {
        using var lent = new Lent(Cpu, new Draw(1).Uniform(24));
        foreach (DlPackForm form in Enum.GetValues<DlPackForm>())
        {
            using Producer producer = lent.Producer(Cpu, 2, 3, 4);
            spoil(producer);
            ArgumentException refused = Assert.Throws<ArgumentException>(() =>
                producer.Lend(Cpu, form)
            )!;
            foreach (string part in says)
                Assert.That(refused.Message, Does.Contain(part));
            Assert.That(producer.Deleted, Is.EqualTo(1), $"{form}");
        }
        Assert.That(lent.Read(), Is.EqualTo(new Draw(1).Uniform(24)));
    }

    [Test]
    public void Another_major_version_is_given_back_and_not_looked_at([Values(0u, 2u)] uint major)
    {
        using var producer = new Producer
        {
            Version = new() { major = major, minor = 7 },
        };
        Assert.That(
            () => producer.Lend(Cpu),
            Throws
                .ArgumentException.With.Message.Contains($"DLPack {major}.7")
                .And.Message.Contains("max_version=(1, 1)")
        );
        Assert.That(producer.Deleted, Is.EqualTo(1));
        producer.HasDeleter = false;
        Assert.That(() => producer.Lend(Cpu), Throws.ArgumentException);
    }

    [Test]
    public void A_read_only_tensor_is_not_taken_to_be_written()
    {
        using var lent = new Lent(Cpu, new float[24]);
        using Producer producer = lent.Producer(Cpu, 24);
        producer.Flags = DlPackConstants.DLPACK_FLAG_BITMASK_READ_ONLY;
        Assert.That(
            () => producer.Lend(Cpu, access: DlPackAccess.Write),
            Throws
                .ArgumentException.With.Message.Contains("read-only")
                .And.Message.Contains("DlPackAccess.Read")
        );
        Assert.That(producer.Deleted, Is.EqualTo(1));
    }

    [TestCase(kDLCUDAHost)]
    [TestCase(kDLROCMHost)]
    [TestCase(kDLCUDAManaged)]
    public void Memory_that_the_host_reaches_is_taken(DLDeviceType type)
    {
        using var lent = new Lent(Cpu, [1, 2]);
        using Producer producer = lent.Producer(Cpu, 2);
        producer.Device = new() { device_type = type };
        using DlPackTensor taken = producer.Lend(Cpu);
        Assert.That(taken.Tensor.ToArray(), Is.EqualTo(new float[] { 1, 2 }));
    }

    [Test]
    public void Arguments_that_are_none_are_named_and_the_struct_is_given_back()
    {
        using var lent = new Lent(Cpu, [1, 2]);
        using Producer producer = lent.Producer(Cpu, 2);
        var ended = (Sequor.Layers.Cpu.CpuBackend)Backend.Create(Device.Cpu);
        ended.Dispose();
        Assert.That(() => producer.Lend(null!), Throws.ArgumentNullException);
        Assert.That(() => producer.Lend(ended), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(
            () => producer.Lend(Cpu, access: (DlPackAccess)7),
            Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Read, Write")
        );
        Assert.That(
            () => producer.Lend(Cpu, stream: 1),
            Throws.ArgumentException.With.Message.Contains("no streams")
        );
        Assert.That(producer.Deleted, Is.EqualTo(4));
        // What it is cannot be known, so nothing of it is touched.
        Assert.That(
            () =>
                DlPack.Import(
                    Cpu,
                    producer.Make(DlPackForm.Plain),
                    (DlPackForm)7,
                    DlPackAccess.Read
                ),
            Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Plain, Versioned")
        );
        Assert.That(
            () => DlPack.Import(Cpu, 0, DlPackForm.Plain, DlPackAccess.Read),
            Throws.ArgumentException.With.Message.Contains("null")
        );
        Assert.That(producer.Deleted, Is.EqualTo(4));
    }

    [Test]
    public void A_second_thread_is_refused_and_the_struct_given_back()
    {
        using var lent = new Lent(Cpu, [1, 2]);
        using Producer producer = lent.Producer(Cpu, 2);
        Backend backend = Cpu;
        Exception? refused = null;
        using (backend.Enter("a call"))
        {
            var other = new Thread(() =>
                refused = Assert.Catch(() => producer.Lend(backend).Dispose())
            );
            other.Start();
            other.Join();
        }
        Assert.That(refused, Is.TypeOf<InvalidOperationException>());
        Assert.That(refused!.Message, Does.Contain("DlPack.Import"));
        Assert.That(producer.Deleted, Is.EqualTo(1));
    }
}
