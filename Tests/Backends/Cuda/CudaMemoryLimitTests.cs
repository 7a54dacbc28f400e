using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Charts;
using Sequor.Tests.Support;
using Sequor.VirtualGpu.Ptx;
using Sequor.Workloads;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;
using VirtualOptions = Sequor.VirtualGpu.VirtualOptions;

namespace Sequor.Tests.Cuda;

/// <summary>Plans that do not fit into a device's memory.</summary>
[TestFixture]
[VirtualGpuOnly]
[NonParallelizable]
[Category("Gpu")]
public sealed class CudaMemoryLimitTests
{
    private const long Ample = 1L << 30;
    private const int Length = 50;
    private const int Batch = 8;

    private static IEnumerable<string> Names => Architecture.Names;

    // Runs on a device of so many bytes, and requires that nothing is left there.
    private static T On<T>(long memory, Func<VirtualDevice, CudaBackend, T> run)
    {
        using var device = VirtualDevice.Start(
            new VirtualOptions { TotalMemory = memory, Kernels = new PtxEngine() }
        );
        T result;
        using (CudaBackend gpu = CudaBackend.Create(0, null, StepCounts.Libraries(device)))
        {
            long own = gpu.Memory.CurrentBytes;
            result = run(device, gpu);
            Assert.That(gpu.Memory.CurrentBytes, Is.EqualTo(own));
        }
        device.AssertClean();
        return result;
    }

    private static Sequential Model(string name)
    {
        Architecture architecture = Architecture.Get(name);
        return architecture.Create(new AddingProblem(Length), 8, architecture.DefaultDepth);
    }

    private static Plan Planned(Layer model, CudaBackend gpu) =>
        model.Plan(gpu, Length, Batch, Mode.Training);

    [Test]
    public void A_plan_is_refused_exactly_where_it_does_not_fit(
        [ValueSource(nameof(Names))] string name
    )
    {
        // All that is in use with the plan, its parameters included.
        long needed = On(
            Ample,
            (_, gpu) =>
            {
                using Sequential model = Model(name);
                using Plan plan = Planned(model, gpu);
                return Ample - gpu.FreeBytes!.Value;
            }
        );

        On(
            needed,
            (_, gpu) =>
            {
                using Sequential model = Model(name);
                using Plan plan = Planned(model, gpu);
                return plan.MaxBatch;
            }
        );
        On(
            needed - 1,
            (device, gpu) =>
            {
                using Sequential model = Model(name);
                DeviceMemoryException error = Assert.Throws<DeviceMemoryException>(() =>
                    Planned(model, gpu)
                )!;
                MemoryTable table = error.Table!;
                Assert.That(table.FreeBytes, Is.EqualTo(table.WantedBytes - 1));
                Assert.That(
                    error.Message,
                    Does.Contain("50 steps of 8 sequences")
                        .And.Contain("of its 400 rows")
                        .And.Contain(table.ToString())
                );
                // Said before it was tried.
                Assert.That(error.InnerException, Is.Null);
                return device.Counts.Of("cuMemAlloc");
            }
        );
    }

    [Test]
    public void The_table_has_what_the_plan_would_have_taken(
        [ValueSource(nameof(Names))] string name
    )
    {
        Dictionary<MemoryCategory, long> taken = On(
            Ample,
            (_, gpu) =>
            {
                using Sequential model = Model(name);
                using Plan plan = Planned(model, gpu);
                return Enum.GetValues<MemoryCategory>().ToDictionary(c => c, gpu.Memory.Current);
            }
        );
        MemoryTable table = On(
            taken.Values.Sum() - 1,
            (_, gpu) =>
            {
                using Sequential model = Model(name);
                return Assert.Throws<DeviceMemoryException>(() => Planned(model, gpu))!.Table!;
            }
        );

        Assert.That(
            table.Rows.ToDictionary(r => r.Category, r => r.TakenBytes + r.WantedBytes),
            Is.EqualTo(taken)
        );
    }

    [Test]
    public void A_trainer_that_fails_at_any_allocation_leaves_nothing(
        [ValueSource(nameof(Names))] string name
    ) =>
        On(
            Ample,
            (device, gpu) =>
            {
                long own = gpu.Memory.CurrentBytes;
                int failed = 0;
                for (int n = 1; ; n++)
                {
                    using Sequential model = Model(name);
                    device.FailAllocation(n);
                    try
                    {
                        using Trainer trainer = Made(model, gpu);
                        device.FailAllocation(0);
                        break;
                    }
                    catch (DeviceMemoryException e)
                    {
                        failed++;
                        Assert.That(e.Table!.WantedBytes, Is.Positive);
                        // A model that was planned before a loss or an optimizer failed has its parameters.
                        long parameters = gpu.Memory.Current(MemoryCategory.Parameters);
                        Assert.That(gpu.Memory.CurrentBytes, Is.EqualTo(own + parameters));
                    }
                }
                // Parameters, gradients, five of the plan's at least, two of the loss, two moments and the state.
                Assert.That(failed, Is.GreaterThan(10));
                return failed;
            }
        );

    private static Trainer Made(Sequential model, CudaBackend gpu) =>
        new(
            model,
            new AddingProblem(Length),
            gpu,
            plan => new Adam(plan, 0.001f),
            new TrainingOptions { Batch = Batch }
        );

    [Test]
    public void Refused_once_a_model_can_be_planned_smaller() =>
        On(
            34L << 20,
            (_, gpu) =>
            {
                using var model = new Lstm(2, 16);
                Assert.That(
                    () => model.Plan(gpu, 1000, 64, Mode.Training),
                    Throws.TypeOf<DeviceMemoryException>()
                );
                using Plan plan = model.Plan(gpu, 10, 4, Mode.Training);
                return plan.Forward(new float[80], 10, 4).Count;
            }
        );

    [Test]
    public void A_device_without_room_for_the_backend_itself_is_refused_with_a_table()
    {
        using var device = VirtualDevice.Start(
            new VirtualOptions { TotalMemory = 16 << 20, Kernels = new PtxEngine() }
        );
        DeviceMemoryException error = Assert.Throws<DeviceMemoryException>(() =>
            CudaBackend.Create(0, null, StepCounts.Libraries(device))
        )!;
        Assert.That(error.Message, Does.Contain("33,554,432 bytes of Workspace"));
        device.AssertClean();
    }
}
