using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Interchange;

/// <summary>Arrays that Python's libraries describe by `__cuda_array_interface__`: both ways, and as JSON.</summary>
[TestFixture]
public sealed class CudaArrayInterfaceTests : CudaFixture
{
    private const string Json =
        """{"shape":[2,3],"typestr":"<f4","data":[4096,false],"strides":null,"version":3,"stream":1}""";

    private static readonly float[] Values = new Draw(1).Uniform(24);

    private static readonly CudaArrayInterface Described = new()
    {
        Shape = [2, 3],
        TypeStr = "<f4",
        Data = 4096,
    };

    [Test]
    public void An_array_is_used_where_it_is([Values(0, 1, 2, 3)] int first)
    {
        using var lent = new Lent(Gpu, Values, first);
        Tensor tensor = (
            Described with
            {
                Shape = [2, 1, 12],
                Data = lent.Address,
                Strides = [48, 5, 4],
            }
        ).Import(Gpu, DlPackAccess.Read);
        // Else the context would be held until the collector finds it.
        using Storage block = tensor.Storage;
        Assert.That(tensor.Shape, Is.EqualTo(new Shape(2, 1, 12)));
        Assert.That(tensor.Address, Is.EqualTo(lent.Address));
        Assert.That(tensor.ToArray(), Is.EqualTo(Values));
        Assert.That(() => tensor.Write(Values), Throws.InvalidOperationException);
        Tensor written = (Described with { Shape = [], Data = lent.Address }).Import(
            Gpu,
            DlPackAccess.Write
        );
        using Storage one = written.Storage;
        Assert.That(written.Shape, Is.EqualTo(new Shape(1)));
        written.Write([5]);
        Assert.That(lent.Read()[0], Is.EqualTo(5));
        Assert.That(
            (Described with { Shape = [4, 0], Data = 0 }).Import(Gpu, DlPackAccess.Read).ToArray(),
            Is.Empty
        );
    }

    [Test]
    public void Work_waits_for_the_array_s_stream()
    {
        for (int round = 1; round <= 8; round++)
        {
            using CudaStream theirs = Context.CreateStream();
            using var lent = new Lent(Gpu, new float[64]);
            using var theirView = DeviceBuffer<float>.Wrap(Context, lent.Address, 64);
            using Storage copy = Gpu.Allocate(64, MemoryCategory.InputOutput);
            long stream = (nint)theirs.Handle.Value;
            theirView.Span.Fill(round, theirs);
            Tensor tensor = (
                Described with
                {
                    Shape = [64],
                    Data = lent.Address,
                    Stream = stream,
                }
            ).Import(Gpu, DlPackAccess.Read);
            using Storage block = tensor.Storage;
            tensor.CopyTo(copy.View(new Shape(64)));
            DlPack.LetWait(Gpu, stream);
            theirView.Span.Fill(-1, theirs);
            Assert.That(copy.View(new Shape(64)).ToArray(), Has.All.EqualTo((float)round));
            theirs.Synchronize();
        }
    }

    [Test]
    public void A_tensor_is_described_and_read_back()
    {
        using Storage storage = Gpu.Allocate(24, MemoryCategory.InputOutput);
        storage.View(new Shape(24)).Write(Values);
        Tensor tensor = storage.View(new Shape(4, 6)).Slice(1, 2);
        var described = CudaArrayInterface.Export(tensor);
        Assert.Multiple(() =>
        {
            Assert.That(described.Shape, Is.EqualTo(new long[] { 2, 6 }));
            Assert.That(described.TypeStr, Is.EqualTo("<f4"));
            Assert.That(described.Data, Is.EqualTo(tensor.Address));
            Assert.That(described.IsReadOnly, Is.False);
            Assert.That(described.Strides, Is.Null);
            Assert.That(described.Version, Is.EqualTo(3));
            Assert.That(described.Stream, Is.EqualTo(DlPack.StreamOf(Gpu)));
        });
        Tensor again = CudaArrayInterface
            .Parse(CudaArrayInterface.Export(tensor, readOnly: true).ToJson())
            .Import(Gpu, DlPackAccess.Read);
        using Storage block = again.Storage;
        Assert.That(again.ToArray(), Is.EqualTo(Values[6..18]));
        // What may only be read is said to be so.
        Assert.That(CudaArrayInterface.Export(again).IsReadOnly);
        using Storage host = Cpu.Allocate(1, MemoryCategory.InputOutput);
        Assert.That(
            () => CudaArrayInterface.Export(host.View(new Shape(1))),
            Throws.ArgumentException.With.Message.Contains("memory of a GPU")
        );
    }

    [Test]
    public void Json_is_what_python_writes_and_reads()
    {
        CudaArrayInterface read = CudaArrayInterface.Parse(
            """
            {"shape": [5, 4, 16], "typestr": "<f4", "data": [18446744073709551552, true], "descr": [["", "<f4"]],
             "strides": [256, 64, 4], "version": 2, "mask": null}
            """
        );
        Assert.Multiple(() =>
        {
            Assert.That(read.Shape, Is.EqualTo(new long[] { 5, 4, 16 }));
            Assert.That(read.Data, Is.EqualTo((nint)(-64)));
            Assert.That(read.IsReadOnly);
            Assert.That(read.Strides, Is.EqualTo(new long[] { 256, 64, 4 }));
            Assert.That(read.Version, Is.EqualTo(2));
            Assert.That(read.Stream, Is.Null);
            Assert.That(CudaArrayInterface.Parse(Json).ToJson(), Is.EqualTo(Json));
            Assert.That(
                CudaArrayInterface.Parse(read.ToJson()).ToJson(),
                Is.EqualTo(read.ToJson()).And.Contains("[256,64,4]")
            );
        });
    }

    [TestCase("", "no JSON")]
    [TestCase("{\"shape\":[2", "no JSON")]
    [TestCase("[1]", "an object, not an array")]
    [TestCase("{}", "no \"data\"")]
    [TestCase("\"shape\":[2,3],|", "no \"shape\"")]
    [TestCase("\"version\":3,|", "no \"version\"")]
    [TestCase("[2,3]|[2,\"3\"]", "\"shape\"", "whole numbers", "[2,\"3\"]")]
    [TestCase("[2,3]|[2,3.5]", "\"shape\"", "whole numbers")]
    [TestCase("[2,3]|6", "\"shape\"", "an array, not 6")]
    [TestCase("\"<f4\"|4", "\"typestr\"", "a text, not 4")]
    [TestCase("[4096,false]|[4096]", "\"data\"", "[140000, false], not [4096]")]
    [TestCase("[4096,false]|[-1,false]", "\"data\"")]
    [TestCase("[4096,false]|[4096,0]", "\"data\"")]
    [TestCase("[4096,false]|4096", "\"data\"", "an array")]
    [TestCase("\"strides\":null|\"strides\":12", "\"strides\"", "whole numbers")]
    [TestCase("\"version\":3|\"version\":\"3\"", "\"version\"", "a number")]
    [TestCase("\"version\":3|\"version\":3000000000", "\"version\"", "2147483647")]
    [TestCase("\"stream\":1|\"stream\":\"legacy\"", "\"stream\"")]
    public void Json_that_is_no_array_is_refused(string change, params string[] says)
    {
        string[] parts = change.Split('|');
        string json =
            parts.Length == 2 ? Json.Replace(parts[0], parts[1], StringComparison.Ordinal) : change;
        FormatException refused = Assert.Throws<FormatException>(() =>
            CudaArrayInterface.Parse(json)
        )!;
        foreach (string part in says)
            Assert.That(refused.Message, Does.Contain(part));
    }

    [Test]
    public void Deep_and_long_json_is_refused_in_a_line()
    {
        Assert.That(
            () => CudaArrayInterface.Parse(new string('[', 100_000)),
            Throws.TypeOf<FormatException>()
        );
        string json = Json.Replace(
            "\"<f4\"",
            $"[\"{new string('x', 100_000)}\"]",
            StringComparison.Ordinal
        );
        Assert.That(
            Assert.Throws<FormatException>(() => CudaArrayInterface.Parse(json))!.Message,
            Has.Length.LessThan(300)
        );
    }

    [Test]
    public void A_mask_is_refused() =>
        Assert.That(
            () =>
                CudaArrayInterface.Parse(
                    Json.Replace("\"version\"", "\"mask\":{},\"version\"", StringComparison.Ordinal)
                ),
            Throws.ArgumentException.With.Message.Contains("mask")
        );

    private static IEnumerable<TestCaseData> Bad() =>
        [
            Of("float64", Described with { TypeStr = "<f8" }, "float64 (\"<f8\")", "x.float()"),
            Of("float16", Described with { TypeStr = "<f2" }, "float16"),
            Of("int64", Described with { TypeStr = "<i8" }, "int64", "Class numbers"),
            Of("bool", Described with { TypeStr = "|b1" }, "are bool"),
            Of("complex", Described with { TypeStr = "<c8" }, "complex64"),
            Of("swapped", Described with { TypeStr = ">f4" }, "another byte order"),
            Of("raw", Described with { TypeStr = "|V4" }, "the kind 'V'"),
            Of("no type", Described with { TypeStr = "float32" }, "no type string", "\"<f4\""),
            Of("empty type", Described with { TypeStr = "" }, "no type string"),
            Of("an endless type", Described with { TypeStr = "<f99999999999" }, "no type string"),
            Of("a later version", Described with { Version = 4 }, "version 4", "0 to 3"),
            Of("a version below 0", Described with { Version = -1 }, "version -1"),
            Of("four dimensions", Described with { Shape = [1, 2, 3, 4] }, "1 to 3"),
            Of("too few strides", Described with { Strides = [12] }, "2 dimensions and 1 stride"),
            Of(
                "strides of elements",
                Described with
                {
                    Strides = [3, 1],
                },
                "[3, 1] in bytes",
                "[12, 4]"
            ),
            Of(
                "transposed",
                Described with
                {
                    Strides = [4, 8],
                },
                "[4, 8] in bytes",
                "cupy.ascontiguousarray"
            ),
            Of("no address", Described with { Data = 0 }, "null"),
            Of("an odd address", Described with { Data = 4098 }, "multiple of 4"),
            Of("an address above all", Described with { Data = -64 }, "wrongly"),
            Of("an address that is none", Described, "0x1000"),
            Of("stream 0", Described with { Stream = 0 }, "Stream 0"),
            Of("no stream", Described with { Stream = -7 }, "-7 is no stream"),
        ];

    private static TestCaseData Of(string name, CudaArrayInterface array, params string[] says) =>
        new TestCaseData(array, says).SetArgDisplayNames(name);

    [TestCaseSource(nameof(Bad))]
    public void An_array_that_is_no_tensor_is_refused(CudaArrayInterface array, string[] says)
    {
        ArgumentException refused = Assert.Throws<ArgumentException>(() =>
            array.Import(Gpu, DlPackAccess.Read)
        )!;
        foreach (string part in says)
            Assert.That(refused.Message, Does.Contain(part));
    }

    [Test]
    public void Access_and_device_are_checked()
    {
        Assert.That(
            () => (Described with { IsReadOnly = true }).Import(Gpu, DlPackAccess.Write),
            Throws.ArgumentException.With.Message.Contains("read-only")
        );
        Assert.That(
            () => Described.Import(Cpu, DlPackAccess.Read),
            Throws.ArgumentException.With.Message.Contains("backend is cpu")
        );
        Assert.That(
            () => Described.Import(Gpu, (DlPackAccess)3),
            Throws.TypeOf<ArgumentOutOfRangeException>()
        );
        Assert.That(() => Described.Import(null!, DlPackAccess.Read), Throws.ArgumentNullException);
        Assert.That(() => CudaArrayInterface.Parse(null!), Throws.ArgumentNullException);
    }
}
