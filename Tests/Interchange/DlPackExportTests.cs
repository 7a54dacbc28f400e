using System.Runtime.CompilerServices;
using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Native;
using Sequor.Tests.Support;
using Sequor.Tests.Threads;

namespace Sequor.Tests.Interchange;

/// <summary>Tensors that other code is given: what the structs say, and that their memory stays until they come back.</summary>
[TestFixture("cpu")]
[TestFixture("cuda")]
public sealed unsafe class DlPackExportTests(string device) : ThreadFixture(device)
{
    private static readonly float[] Values = new Draw(1).Uniform(24);

    private long? NoStream => IsCuda ? -1 : null;

    [Test]
    public void The_struct_says_what_the_tensor_is([Values] DlPackForm form, [Values] bool readOnly)
    {
        if (form == DlPackForm.Plain && readOnly)
            return;
        using Storage storage = Filled();
        Tensor tensor = storage.View(new Shape(4, 3, 2)).Slice(1, 2);
        nint managed = DlPack.Export(tensor, form, readOnly, NoStream);
        DLTensor said = Consumer.Tensor(managed, form);
        Assert.Multiple(() =>
        {
            Assert.That((nint)said.data, Is.EqualTo(tensor.Address));
            Assert.That(said.byte_offset, Is.Zero);
            Assert.That(said.dtype, Is.EqualTo(Producer.Floats));
            Assert.That(
                said.device.device_type,
                Is.EqualTo(IsCuda ? DLDeviceType.kDLCUDA : DLDeviceType.kDLCPU)
            );
            Assert.That(said.device.device_id, Is.Zero);
            Assert.That(
                DlPack.DeviceOf(tensor),
                Is.EqualTo((said.device.device_type, said.device.device_id))
            );
            Assert.That(Consumer.Sizes(managed, form), Is.EqualTo(new long[] { 2, 3, 2 }));
            Assert.That(Consumer.Strides(managed, form), Is.EqualTo(new long[] { 6, 2, 1 }));
            if (form == DlPackForm.Plain)
                return;
            var versioned = (DLManagedTensorVersioned*)managed;
            Assert.That((versioned->version.major, versioned->version.minor), Is.EqualTo((1u, 1u)));
            Assert.That(versioned->flags, Is.EqualTo(readOnly ? 1ul : 0));
        });
        Consumer.Delete(managed, form);
    }

    [Test]
    public void The_memory_stays_until_the_consumer_is_done([Values] DlPackForm form)
    {
        long bytes = Backend.Memory.CurrentBytes;
        Storage storage = Filled();
        nint managed = DlPack.Export(storage.View(new Shape(24)), form);
        nint second = DlPack.Export(storage.View(new Shape(24)), form);
        nint address = storage.View(new Shape(1)).Address;

        storage.Dispose();
        storage.Dispose();
        Assert.That(
            () => storage.View(new Shape(1)).Address,
            Throws.TypeOf<ObjectDisposedException>()
        );
        Assert.That(Read(managed, form), Is.EqualTo(Values));
        Assert.That(Backend.Memory.CurrentBytes, Is.GreaterThan(bytes), "it is still taken");
        Assert.That(
            () => DlPack.Export(storage.View(new Shape(24)), form),
            Throws.TypeOf<ObjectDisposedException>()
        );

        Consumer.DeleteElsewhere(managed, form);
        Assert.That(Backend.Memory.CurrentBytes, Is.GreaterThan(bytes), "the second one has it");
        Assert.That((nint)Consumer.Tensor(second, form).data, Is.EqualTo(address));
        Assert.That(Read(second, form), Is.EqualTo(Values));
        Consumer.DeleteElsewhere(second, form);
        Assert.That(Backend.Memory.CurrentBytes, Is.EqualTo(bytes));
    }

    [Test]
    public void It_is_freed_by_the_owner_where_the_consumer_was_first()
    {
        long bytes = Backend.Memory.CurrentBytes;
        Storage storage = Filled();
        nint managed = DlPack.Export(storage.View(new Shape(24)), DlPackForm.Plain);
        Consumer.DeleteElsewhere(managed, DlPackForm.Plain);
        Assert.That(storage.View(new Shape(24)).ToArray(), Is.EqualTo(Values));
        storage.Dispose();
        Assert.That(Backend.Memory.CurrentBytes, Is.EqualTo(bytes));
    }

    [Test]
    public void It_is_freed_by_the_next_call_and_not_within_one()
    {
        long bytes = Backend.Memory.CurrentBytes;
        Storage storage = Filled();
        nint managed = DlPack.Export(storage.View(new Shape(24)), DlPackForm.Versioned);
        storage.Dispose();
        using (Backend.Enter("a call"))
        {
            Consumer.DeleteElsewhere(managed, DlPackForm.Versioned);
            Assert.That(Backend.Memory.CurrentBytes, Is.GreaterThan(bytes));
        }
        Backend.Synchronize();
        Assert.That(Backend.Memory.CurrentBytes, Is.EqualTo(bytes));
    }

    [Test]
    public void What_the_owner_forgot_stays_as_well()
    {
        long bytes = Backend.Memory.CurrentBytes;
        nint managed = Forget();
        ForgottenTests.Collect();
        Assert.That(Read(managed, DlPackForm.Versioned), Is.EqualTo(Values));
        Consumer.DeleteElsewhere(managed, DlPackForm.Versioned);
        ForgottenTests.Collect();
        Assert.That(Backend.Memory.CurrentBytes, Is.EqualTo(bytes));

        [MethodImpl(MethodImplOptions.NoInlining)]
        nint Forget() => DlPack.Export(Filled().View(new Shape(24)), DlPackForm.Versioned);
    }

    // The fixture looks whether anything is left.
    [Test]
    public void It_outlives_the_backend()
    {
        nint managed = Forget();
        Backend.Dispose();
        Assert.That(Backend.Memory.CurrentBytes, Is.Positive);
        if (!IsCuda)
            Assert.That(Read(managed, DlPackForm.Versioned), Is.EqualTo(Values));
        Consumer.DeleteElsewhere(managed, DlPackForm.Versioned);
        ForgottenTests.Collect();

        [MethodImpl(MethodImplOptions.NoInlining)]
        nint Forget() => DlPack.Export(Filled().View(new Shape(24)), DlPackForm.Versioned);
    }

    // The fixture looks whether anything is left.
    [Test]
    public void Its_owner_may_end_before_the_backend_and_the_consumer_after_it()
    {
        Storage storage = Filled();
        nint managed = DlPack.Export(storage.View(new Shape(24)), DlPackForm.Plain);
        storage.Dispose();
        Backend.Dispose();
        Assert.That(Backend.Memory.CurrentBytes, Is.Positive);
        Consumer.DeleteElsewhere(managed, DlPackForm.Plain);
        Assert.That(Backend.Memory.CurrentBytes, Is.Zero);
    }

    [Test]
    public void A_plan_s_output_is_seen_and_outlives_plan_and_model()
    {
        using var model = new Gru(3, 4);
        Plan plan = model.Plan(Backend, 5, 2, Mode.Evaluation);
        plan.Forward(new Draw(2).Uniform(5 * 2 * 3), 5, 2);
        nint managed = DlPack.Export(plan.Output, DlPackForm.Versioned);
        float[] first = plan.Output.ToArray();
        Assert.That(Read(managed, DlPackForm.Versioned), Is.EqualTo(first));
        plan.Forward(new Draw(3).Uniform(5 * 2 * 3), 5, 2);
        float[] second = plan.Output.ToArray();
        Assert.That(Read(managed, DlPackForm.Versioned), Is.EqualTo(second).And.Not.EqualTo(first));
        nint weights = DlPack.Export(plan.Parameters, DlPackForm.Versioned, readOnly: true);
        plan.Dispose();
        Assert.That(Read(managed, DlPackForm.Versioned), Is.EqualTo(second));
        float[] values = Read(weights, DlPackForm.Versioned);
        model.Dispose();
        Assert.That(Read(weights, DlPackForm.Versioned), Is.EqualTo(values));
        Consumer.Delete(managed, DlPackForm.Versioned);
        Consumer.Delete(weights, DlPackForm.Versioned);
    }

    [Test]
    public void What_was_lent_goes_back_when_the_last_consumer_is_done()
    {
        using var lent = new Lent(Backend, Values);
        using Producer producer = lent.Producer(Backend, 24);
        DlPackTensor taken = producer.Lend(Backend);
        nint again = DlPack.Export(taken.Tensor, DlPackForm.Versioned);
        Assert.That(
            ((DLManagedTensorVersioned*)again)->flags,
            Is.EqualTo(DlPackConstants.DLPACK_FLAG_BITMASK_READ_ONLY)
        );
        taken.Dispose();
        Assert.That(producer.Deleted, Is.Zero);
        Assert.That(Read(again, DlPackForm.Versioned), Is.EqualTo(Values));
        Consumer.DeleteElsewhere(again, DlPackForm.Versioned);
        Assert.That(producer.Deleted, Is.Zero, "the next call gives it back");
        Backend.Synchronize();
        Assert.That(producer.Deleted, Is.EqualTo(1));
    }

    [Test]
    public void A_consumer_s_struct_is_taken_back_here([Values] DlPackForm form)
    {
        using Storage storage = Filled();
        nint managed = DlPack.Export(storage.View(new Shape(4, 6)), form);
        using (DlPackTensor taken = DlPack.Import(Backend, managed, form, DlPackAccess.Write))
        {
            Assert.That(taken.Tensor.Shape, Is.EqualTo(new Shape(4, 6)));
            Assert.That(taken.Tensor.Address, Is.EqualTo(storage.View(new Shape(1)).Address));
            taken.Tensor.Slice(0, 1).Write([9, 9, 9, 9, 9, 9]);
        }
        Assert.That(
            storage.View(new Shape(7)).ToArray(),
            Is.EqualTo((float[])[9, 9, 9, 9, 9, 9, Values[6]])
        );
    }

    [Test]
    public void A_struct_that_nobody_took_is_deleted([Values] DlPackForm form)
    {
        long bytes = Backend.Memory.CurrentBytes;
        Storage storage = Filled();
        nint managed = DlPack.Export(storage.View(new Shape(24)), form);
        storage.Dispose();
        DlPack.Delete(managed, form);
        Assert.That(Backend.Memory.CurrentBytes, Is.EqualTo(bytes));
        Assert.That(() => DlPack.Delete(0, form), Throws.ArgumentException);
        Assert.That(
            () => DlPack.Delete(1, (DlPackForm)9),
            Throws.TypeOf<ArgumentOutOfRangeException>()
        );
    }

    [Test]
    public void What_cannot_be_given_is_refused()
    {
        using var lent = new Lent(Backend, Values);
        using Producer producer = lent.Producer(Backend, 24);
        using DlPackTensor taken = producer.Lend(Backend);
        using Storage storage = Filled();
        Tensor wrapped = Backend.Wrap(lent.Address, new Shape(24));
        using Storage view = wrapped.Storage;
        Assert.Multiple(() =>
        {
            Assert.That(
                () => DlPack.Export(wrapped, DlPackForm.Plain),
                Throws.ArgumentException.With.Message.Contains("a caller's pointer")
            );
            Assert.That(
                () => DlPack.Export(taken.Tensor, DlPackForm.Plain),
                Throws.ArgumentException.With.Message.Contains("DlPackForm.Versioned")
            );
            Assert.That(
                () => DlPack.Export(storage.View(new Shape(1)), DlPackForm.Plain, readOnly: true),
                Throws.ArgumentException.With.Message.Contains("DlPackForm.Versioned")
            );
            Assert.That(
                () => DlPack.Export(default, DlPackForm.Plain),
                Throws.InvalidOperationException
            );
            Assert.That(
                () => DlPack.Export(storage.View(new Shape(1)), (DlPackForm)5),
                Throws.TypeOf<ArgumentOutOfRangeException>()
            );
            Assert.That(
                () => DlPack.Export(storage.View(new Shape(1)), DlPackForm.Plain, stream: 0),
                Throws.ArgumentException.With.Message.Contains(IsCuda ? "Stream 0" : "no streams")
            );
            Assert.That(
                () => DlPack.Export(storage.View(new Shape(1)), DlPackForm.Plain, stream: -2),
                Throws.ArgumentException.With.Message.Contains(IsCuda ? "-2" : "no streams")
            );
        });
        Exception? refused = null;
        using (Backend.Enter("a call"))
        {
            var other = new Thread(() =>
                refused = Record(() => DlPack.Export(storage.View(new Shape(1)), DlPackForm.Plain))
            );
            other.Start();
            other.Join();
        }
        Assert.That(refused, Is.TypeOf<InvalidOperationException>());
    }

    [Test]
    public void What_was_forgotten_goes_back_by_the_next_call()
    {
        using var lent = new Lent(Backend, Values);
        using Producer producer = lent.Producer(Backend, 24);
        Forget();
        ForgottenTests.Collect();
        Assert.That(producer.Deleted, Is.Zero);
        // Telling the memory lets other threads wait, so that gives nothing back to other code.
        Assert.That(Backend.Memory.CurrentBytes, Is.Not.Negative);
        Assert.That(producer.Deleted, Is.Zero);
        Backend.Synchronize();
        Assert.That(producer.Deleted, Is.EqualTo(1));
        Assert.That(producer.Thread, Is.EqualTo(Environment.CurrentManagedThreadId));

        [MethodImpl(MethodImplOptions.NoInlining)]
        void Forget() => producer.Lend(Backend);
    }

    [Test]
    public void What_was_forgotten_goes_back_where_the_backend_ends_first()
    {
        using var lent = new Lent(Backend, Values);
        using Producer producer = lent.Producer(Backend, 24);
        Forget();
        DlPackTensor kept = producer.Lend(Backend);
        Backend.Dispose();
        kept.Dispose();
        Assert.That(producer.Deleted, Is.Positive);
        ForgottenTests.Collect();
        Assert.That(producer.Deleted, Is.EqualTo(2));

        [MethodImpl(MethodImplOptions.NoInlining)]
        void Forget() => producer.Lend(Backend);
    }

    [Test]
    public void Many_threads_give_back_while_the_backend_works()
    {
        long bytes = Backend.Memory.CurrentBytes;
        const int Count = 200;
        var given = new nint[Count];
        for (int i = 0; i < Count; i++)
        {
            Storage storage = Filled();
            given[i] = DlPack.Export(storage.View(new Shape(24)), DlPackForm.Plain);
            if (i % 2 == 0)
                storage.Dispose();
            else
                Later.Add(storage);
        }
        Thread[] threads =
        [
            .. Enumerable
                .Range(0, 4)
                .Select(part => new Thread(() =>
                {
                    for (int i = part; i < Count; i += 4)
                        Consumer.Delete(given[i], DlPackForm.Plain);
                })),
        ];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Storage storage in Later)
        {
            storage.Dispose();
            Backend.Synchronize();
        }
        foreach (Thread thread in threads)
            thread.Join();
        Later.Clear();
        Assert.That(Backend.Memory.CurrentBytes, Is.EqualTo(bytes));
    }

    private List<Storage> Later { get; } = [];

    private Storage Filled()
    {
        Storage storage = Backend.Allocate(24, MemoryCategory.InputOutput);
        storage.View(new Shape(24)).Write(Values);
        return storage;
    }

    // What the consumer sees: on a GPU by way of the backend, as host code cannot.
    private float[] Read(nint managed, DlPackForm form)
    {
        if (!IsCuda)
            return Consumer.Values(managed, form);
        long count = Consumer.Sizes(managed, form).Aggregate(1L, (all, size) => all * size);
        var gpu = (Sequor.Layers.Cuda.CudaBackend)Backend;
        using var view = DeviceBuffer<float>.Wrap(
            gpu.Context,
            (nint)Consumer.Tensor(managed, form).data,
            count
        );
        return view.Span.ToArray(gpu.Stream);
    }
}
