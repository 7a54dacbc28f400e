using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native;
using Sequor.Tests.Support;
using Sequor.Tests.Threads;

namespace Sequor.Tests.Interchange;

/// <summary>Tensors that other code lends: taken in place, and given back once.</summary>
[TestFixture("cpu")]
[TestFixture("cuda")]
public sealed class DlPackImportTests(string device) : ThreadFixture(device)
{
    private static readonly float[] Values = new Draw(1).Uniform(24);

    [Test]
    public void It_is_used_where_it_is([Values] DlPackForm form, [Values(0, 1, 2, 3)] int first)
    {
        using var lent = new Lent(Backend, Values, first);
        using Producer producer = lent.Producer(Backend, 2, 3, 4);
        using (DlPackTensor taken = producer.Lend(Backend, form))
        {
            Assert.Multiple(() =>
            {
                Assert.That(taken.Tensor.Shape, Is.EqualTo(new Shape(2, 3, 4)));
                Assert.That(taken.Tensor.Address, Is.EqualTo(lent.Address));
                Assert.That(taken.Tensor.ToArray(), Is.EqualTo(Values));
                Assert.That(taken.IsReadOnly);
                Assert.That(taken.IsCopied, Is.False);
                Assert.That(producer.Deleted, Is.Zero);
            });
        }
        Assert.That(producer.Deleted, Is.EqualTo(1));
    }

    [Test]
    public void A_second_dispose_does_nothing_and_the_tensor_is_gone()
    {
        using var lent = new Lent(Backend, Values);
        using Producer producer = lent.Producer(Backend, 24);
        DlPackTensor taken = producer.Lend(Backend);
        taken.Dispose();
        taken.Dispose();
        Assert.That(producer.Deleted, Is.EqualTo(1));
        Assert.That(() => taken.Tensor.Address, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => taken.Tensor.ToArray(), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void A_deleter_may_be_missing([Values] DlPackForm form)
    {
        using var lent = new Lent(Backend, Values);
        using Producer producer = lent.Producer(Backend, 24);
        producer.HasDeleter = false;
        producer.Lend(Backend, form).Dispose();
        producer.Sizes = [1, 1, 1, 24];
        Assert.That(() => producer.Lend(Backend, form), Throws.ArgumentException);
        Assert.That(producer.Deleted, Is.Zero);
    }

    // Whatever a producer says of sizes that are 1, and of arrays without values, is not stepped over.
    [TestCase(new long[] { 6, 4 }, null, 24)]
    [TestCase(new long[] { 6, 4 }, new long[] { 4, 1 }, 24)]
    [TestCase(new long[] { 1, 6, 4 }, new long[] { -5, 4, 1 }, 24)]
    [TestCase(new long[] { 6, 1, 4 }, new long[] { 4, 0, 1 }, 24)]
    [TestCase(new long[] { 6, 4, 1 }, new long[] { 4, 1, 99 }, 24)]
    [TestCase(new long[] { 1, 1, 1 }, new long[] { 7, 7, 7 }, 1)]
    [TestCase(new long[] { 0, 4 }, null, 0)]
    [TestCase(new long[] { 3, 0, 4 }, new long[] { 9, 9, 9 }, 0)]
    public void Strides_say_what_they_have_to(long[] sizes, long[]? strides, int count)
    {
        using var lent = new Lent(Backend, Values);
        using Producer producer = lent.Producer(Backend, sizes);
        producer.Strides = strides;
        using DlPackTensor taken = producer.Lend(Backend);
        Assert.That(taken.Tensor.Count, Is.EqualTo(count));
        Assert.That(taken.Tensor.ToArray(), Is.EqualTo(Values[..count]));
    }

    [Test]
    public void A_tensor_without_values_may_have_no_address([Values] DlPackForm form)
    {
        using var producer = new Producer { Sizes = [5, 0, 2], Device = Lent.DeviceOf(Backend) };
        using (DlPackTensor taken = producer.Lend(Backend, form, DlPackAccess.Write))
        {
            Assert.That(taken.Tensor.Shape, Is.EqualTo(new Shape(5, 0, 2)));
            Assert.That(taken.Tensor.ToArray(), Is.Empty);
            taken.Tensor.Write([]);
            nint again = DlPack.Export(taken.Tensor, form);
            Assert.That(AddressOf(again, form), Is.EqualTo(nint.Zero));
            Consumer.Delete(again, form);
        }
        Backend.Synchronize();
        Assert.That(producer.Deleted, Is.EqualTo(1));
    }

    [Test]
    public void A_scalar_is_one_value()
    {
        using var lent = new Lent(Backend, [3.5f]);
        using Producer producer = lent.Producer(Backend);
        using (DlPackTensor taken = producer.Lend(Backend))
        {
            Assert.That(taken.Tensor.Shape, Is.EqualTo(new Shape(1)));
            Assert.That(taken.Tensor.ToArray(), Is.EqualTo(new[] { 3.5f }));
        }
        // NumPy's scalars may have no sizes at all.
        producer.Sizes = null;
        using DlPackTensor bare = producer.Lend(Backend);
        Assert.That(bare.Tensor.ToArray(), Is.EqualTo(new[] { 3.5f }));
    }

    [Test]
    public void The_first_value_is_behind_the_offset()
    {
        using var lent = new Lent(Backend, Values);
        using Producer producer = lent.Producer(Backend, 5, 4);
        producer.ByteOffset = 4 * sizeof(float);
        using DlPackTensor taken = producer.Lend(Backend);
        Assert.That(taken.Tensor.ToArray(), Is.EqualTo(Values[4..]));
    }

    [Test]
    public void A_later_minor_version_and_flags_that_are_not_known_are_taken()
    {
        using var lent = new Lent(Backend, Values);
        using Producer producer = lent.Producer(Backend, 24);
        producer.Version = new() { major = 1, minor = 9 };
        producer.Flags = DlPackConstants.DLPACK_FLAG_BITMASK_IS_COPIED | (1ul << 40);
        using DlPackTensor taken = producer.Lend(Backend, access: DlPackAccess.Write);
        Assert.That(taken.IsCopied);
        Assert.That(taken.IsReadOnly, Is.False);
    }

    [Test]
    public void What_is_taken_to_be_written_is_written_where_it_is()
    {
        using var lent = new Lent(Backend, Values, 3);
        using Producer producer = lent.Producer(Backend, 24);
        using DlPackTensor taken = producer.Lend(Backend, access: DlPackAccess.Write);
        float[] others = new Draw(2).Uniform(24);
        taken.Tensor.Write(others);
        Assert.That(lent.Read(), Is.EqualTo(others));
        taken.Tensor.Slice(0, 12).CopyTo(taken.Tensor.Slice(12, 12));
        Backend.Synchronize();
        Assert.That(lent.Read(), Is.EqualTo((float[])[.. others[..12], .. others[..12]]));
    }

    [Test]
    public void What_is_taken_to_be_read_is_not_written()
    {
        using var lent = new Lent(Backend, Values);
        using Producer producer = lent.Producer(Backend, 24);
        producer.Flags = DlPackConstants.DLPACK_FLAG_BITMASK_READ_ONLY;
        using DlPackTensor taken = producer.Lend(Backend);
        using Storage own = Backend.Allocate(24, MemoryCategory.InputOutput);
        foreach (
            Action write in (Action[])
                [
                    () => taken.Tensor.Write(new float[24]),
                    () => taken.Tensor.Slice(1, 2).Write(new float[2]),
                    () => own.View(new Shape(24)).CopyTo(taken.Tensor),
                ]
        )
            Assert.That(
                write,
                Throws
                    .InvalidOperationException.With.Message.Contains("read-only")
                    .And.Message.Contains("DlPackAccess.Write")
            );
        Assert.That(lent.Read(), Is.EqualTo(Values));
    }

    [Test]
    public void Nothing_is_copied_and_nothing_allocated()
    {
        using var lent = new Lent(Backend, Values);
        using Producer producer = lent.Producer(Backend, 2, 3, 4);
        Backend.Synchronize();
        long allocations = Backend.Memory.Allocations;
        long bytes = Backend.Memory.CurrentBytes;
        VirtualGpu.VirtualCounts? counts = VirtualGpu.VirtualDevice.Running?.Counts;
        counts?.Reset();
        using (DlPackTensor taken = producer.Lend(Backend))
        {
            nint again = DlPack.Export(taken.Tensor, DlPackForm.Versioned);
            Assert.That(AddressOf(again, DlPackForm.Versioned), Is.EqualTo(lent.Address));
            Consumer.Delete(again, DlPackForm.Versioned);
        }
        Assert.Multiple(() =>
        {
            Assert.That(Backend.Memory.Allocations, Is.EqualTo(allocations));
            Assert.That(Backend.Memory.CurrentBytes, Is.EqualTo(bytes));
            if (counts is null)
                return;
            Assert.That(counts.Allocations + counts.HostAllocations, Is.Zero);
            Assert.That(
                counts.BytesHostToDevice + counts.BytesDeviceToHost + counts.BytesDeviceToDevice,
                Is.Zero
            );
        });
    }

    private static unsafe nint AddressOf(nint managed, DlPackForm form) =>
        (nint)Consumer.Tensor(managed, form).data;
}
