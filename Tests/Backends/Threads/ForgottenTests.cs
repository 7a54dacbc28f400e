using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;

namespace Sequor.Tests.Threads;

/// <summary>What nobody disposed is given back once the collector has found it, and the ledger says so.</summary>
[TestFixtureSource(nameof(Devices))]
public sealed unsafe class ForgottenTests(string device) : ThreadFixture(device)
{
    internal const int T = 4;
    internal const int B = 3;

    private static readonly string[] Devices = ["cpu", "cuda", WithEpilogues];
    internal static readonly float[] X = new Draw(1).Uniform(T * B * 2);

    private CudaBackend Gpu => (CudaBackend)Backend;

    internal static void Collect()
    {
        for (int i = 0; i < 2; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    // Everything that a training has; disposed where it is not to be forgotten.
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void Train(Backend backend, bool dispose = false)
    {
        var model = new Sequential(
            new Lstm(2, 8, new RecurrentOptions { Layers = 2, Dropout = 0.5f }),
            new Lru(8, 4, 4, 1, new LruOptions { Norm = NormKind.Batch }),
            new Tcn(4, [4], 2)
        );
        Plan plan = model.Plan(
            backend,
            T,
            B,
            Mode.Training,
            new PlanOptions { VariableLengths = true, States = true }
        );
        var loss = new SoftmaxCrossEntropy(plan);
        var other = new MeanSquaredError(plan);
        var adam = new AdamW(plan, 0.01f, groups: [Lru.Recurrence(0.5f)]);
        var graph = new StepGraph(
            plan,
            () =>
            {
                plan.Forward(plan.Input(T, B));
                plan.Backward(loss.Compute());
                adam.Step();
            }
        );
        plan.SetInput(X, T, B);
        loss.SetTargets(new Draw(2).Classes(T * B, 4));
        for (int step = 0; step < 4; step++)
            graph.Run();
        plan.Forward(X, T, B, [4, 2, 3]);
        model.Predict(X, T, B);
        if (!dispose)
            return;
        graph.Dispose();
        adam.Dispose();
        other.Dispose();
        loss.Dispose();
        plan.Dispose();
        model.Dispose();
    }

    [Test]
    public void What_a_training_has_is_given_back()
    {
        // What the backend keeps by itself is there.
        Train(Backend, dispose: true);
        if (HasEpilogues && Counts is { } counts)
            Assert.That(counts.Of("cublasLtMatmul"), Is.Positive);
        long bytes = Backend.Memory.CurrentBytes;
        Train(Backend);
        Assert.That(Backend.Memory.CurrentBytes, Is.GreaterThan(bytes));

        Collect();

        Assert.That(Backend.Memory.CurrentBytes, Is.EqualTo(bytes));
        foreach (MemoryCategory category in Enum.GetValues<MemoryCategory>())
            Assert.That(Backend.Memory.Current(category), Is.GreaterThanOrEqualTo(0L));
        if (!IsCuda)
            return;
        Backend.Synchronize();
        Assert.That(Gpu.Context.Ledger.CurrentBytes, Is.EqualTo(bytes));
    }

    [Test]
    public void It_is_given_back_by_the_next_call_and_not_within_one()
    {
        long bytes = Backend.Memory.CurrentBytes;
        using (OwnerScope inside = Backend.Enter("a call"))
        {
            Take();
            Collect();
            Backend.Synchronize();
            Assert.That(Backend.Memory.CurrentBytes, Is.GreaterThan(bytes));
        }
        Backend.Synchronize();

        Assert.That(Backend.Memory.CurrentBytes, Is.EqualTo(bytes));

        [MethodImpl(MethodImplOptions.NoInlining)]
        void Take() => Backend.Allocate(1000, MemoryCategory.Workspace);
    }

    // The fixture ends backend, stream and context, and looks whether anything is left.
    [Test]
    public void It_is_given_back_where_no_call_follows_but_the_end()
    {
        Train(Backend);

        Collect();
    }

    [Test]
    public void It_is_given_back_when_the_backend_was_disposed_before()
    {
        using Backend backend = Another();
        DisposeWithAPlan();

        Collect();

        Assert.That(backend.Memory.CurrentBytes, Is.Zero);

        [MethodImpl(MethodImplOptions.NoInlining)]
        void DisposeWithAPlan()
        {
            Plan plan = new Gru(2, 4).Plan(backend, T, B, Mode.Training);
            backend.Dispose();
            Assert.That(backend.Memory.CurrentBytes, Is.Positive);
            GC.KeepAlive(plan);
        }
    }

    [Test]
    public void A_forgotten_backend_ends_its_threads_and_frees_its_memory()
    {
        (MemoryLedger ledger, Thread[] workers, WeakReference backend) = Forget();

        for (int i = 0; i < 10 && (backend.IsAlive || ledger.CurrentBytes > 0); i++)
            Collect();

        Assert.That(backend.IsAlive, Is.False);
        Assert.That(ledger.CurrentBytes, Is.Zero);
        foreach (Thread worker in workers)
            Assert.That(worker.Join(TimeSpan.FromSeconds(30)), Is.True);
        Assert.That(workers, Has.Length.EqualTo(IsCuda ? 0 : 1));

        [MethodImpl(MethodImplOptions.NoInlining)]
        (MemoryLedger, Thread[], WeakReference) Forget()
        {
            Backend backend = Another();
            Train(backend);
            return (
                backend.Memory,
                backend is CpuBackend cpu ? [.. cpu.Workers] : [],
                new WeakReference(backend)
            );
        }
    }

    [Test]
    public void Wrapped_memory_is_not_given_back()
    {
        long bytes = Backend.Memory.CurrentBytes;
        if (IsCuda)
        {
            using DeviceBuffer<float> theirs = Gpu.Context.Allocate<float>(4);
            theirs.Span.CopyFrom([1, 2, 3, 4], Gpu.Stream);
            Wrap((nint)theirs.Handle.Value);
            Collect();
            Backend.Synchronize();
            Assert.That(theirs.Span.ToArray(Gpu.Stream), Is.EqualTo((float[])[1, 2, 3, 4]));
        }
        else
        {
            float* theirs = (float*)NativeMemory.AlignedAlloc(16, 64);
            Wrap((nint)theirs);
            Collect();
            Backend.Synchronize();
            // Ours alone to free.
            NativeMemory.AlignedFree(theirs);
        }
        Assert.That(Backend.Memory.CurrentBytes, Is.EqualTo(bytes));

        [MethodImpl(MethodImplOptions.NoInlining)]
        void Wrap(nint address)
        {
            Backend.Wrap(address, new Shape(4)).Storage.Dispose();
            Backend.Wrap(address, new Shape(4));
        }
    }
}
