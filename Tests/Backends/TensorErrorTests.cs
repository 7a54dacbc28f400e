using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Threads;

/// <summary>Views and slices of tensors: what they see, and that sizes and ranges that do not fit are refused.</summary>
public sealed class TensorErrorTests
{
    private Storage _storage = null!;
    private Tensor _tensor;

    [SetUp]
    public void Begin()
    {
        _storage = Backends.Get(256, 1).Allocate(24, MemoryCategory.InputOutput);
        _tensor = new Tensor(_storage, 0, new Shape(4, 3, 2));
        _tensor.Write([.. Enumerable.Range(0, 24).Select(i => (float)i)]);
    }

    [TearDown]
    public void End() => _storage.Dispose();

    [Test]
    public void Views_and_slices_see_the_values_in_their_place()
    {
        Assert.That(
            _tensor.View(new Shape(2, 2)).ToArray(),
            Is.EqualTo(new float[] { 0, 1, 2, 3 })
        );
        Assert.That(
            _tensor.Slice(2, 1).ToArray(),
            Is.EqualTo(new float[] { 12, 13, 14, 15, 16, 17 })
        );
        Assert.That(_tensor.Slice(1, 3).Slice(2, 1).Shape, Is.EqualTo(new Shape(1, 3, 2)));
        Assert.That(_tensor.Slice(1, 3).Slice(2, 1).ToArray()[0], Is.EqualTo(18));
        Assert.That(_tensor.Slice(4, 0).Count, Is.Zero);
    }

    [TestCase(-1, 1)]
    [TestCase(0, 5)]
    [TestCase(4, 1)]
    [TestCase(2, -1)]
    [TestCase(int.MaxValue, int.MaxValue)]
    public void A_slice_beyond_the_tensor_is_refused(int first, int count) =>
        Refusal.Of<ArgumentOutOfRangeException>("", () => _tensor.Slice(first, count)).Check();

    [Test]
    public void A_view_of_more_values_is_refused() =>
        Refusal
            .Of<ArgumentException>("", () => _tensor.View(new Shape(5, 5)), "[5, 5]", "[4, 3, 2]")
            .Check();

    [TestCase(23)]
    [TestCase(25)]
    public void Another_number_of_values_is_refused(int count)
    {
        float[] values = new float[count];

        Refusal.Of<ArgumentException>("", () => _tensor.Write(values), "24", $"{count}").Check();
        Refusal.Of<ArgumentException>("", () => _tensor.Read(values), "24", $"{count}").Check();
    }

    [Test]
    public void A_size_below_0_is_refused()
    {
        Refusal.Of<ArgumentOutOfRangeException>("", () => _ = new Shape(-1), "-1").Check();
        Refusal.Of<ArgumentOutOfRangeException>("", () => _ = new Shape(1, -2), "-2").Check();
        Refusal.Of<ArgumentOutOfRangeException>("", () => _ = new Shape(1, 1, -3), "-3").Check();
        Refusal.Of<ArgumentOutOfRangeException>("", () => _ = new Shape(1, 2)[2], "index").Check();
    }

    [Test]
    public void A_disposed_storage_is_refused()
    {
        _storage.Dispose();

        Refusal.Of<ObjectDisposedException>("", () => _tensor.ToArray(), "Storage").Check();
        Refusal.Of<ObjectDisposedException>("", () => _tensor.Write(new float[24])).Check();
    }
}
