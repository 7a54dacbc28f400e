using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;
using Sequor.VirtualGpu.Ptx;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;
using VirtualOptions = Sequor.VirtualGpu.VirtualOptions;

namespace Sequor.Tests.Cuda;

/// <summary>
/// Trains on a virtual GPU of its own whose batches come on a second stream, however small they are, or between steps.
/// </summary>
public abstract class StagingFixture
{
    private protected const int Seeds = 12;
    internal static readonly CudaOptions Never = new() { UploadStream = false, StagedFrom = 0 };
    internal static readonly CudaOptions Always = new() { StagedFrom = 0 };

    private protected static float[] Trained(
        int seed,
        CudaOptions options,
        int batch,
        Action<VirtualDevice, CudaBackend>? before = null
    )
    {
        float[] trained = [];
        On(
            seed,
            options,
            (device, gpu) => trained = Trained(gpu, batch, () => before?.Invoke(device, gpu)),
            isPlanted: before is not null
        );
        return trained;
    }

    /// <summary>What training on a backend comes to.</summary>
    internal static float[] Trained(CudaBackend gpu, int batch, Action? before = null)
    {
        using Sequential model = Model();
        using Trainer trainer = Trainer(model, gpu, new Unequal(10), batch);
        before?.Invoke();
        trainer.Run();
        return trainer.Plan.Parameters.ToArray();
    }

    private protected static Sequential Model() => new(new Tcn(2, [5], 3, 0.2f), new Linear(5, 1));

    private protected static Trainer Trainer(Layer model, Backend on, Dataset data, int batch) =>
        new(
            model,
            data,
            validation: null,
            on,
            plan => new Adam(plan, 0.01f),
            new TrainingOptions { Batch = batch, Epochs = 3 }
        );

    private protected static void On(
        int seed,
        CudaOptions options,
        Action<VirtualDevice, CudaBackend> action,
        bool isPlanted = false
    )
    {
        using var device = VirtualDevice.Start(
            new VirtualOptions { Seed = seed, Kernels = new PtxEngine() }
        );
        using (CudaBackend gpu = CudaBackend.Create(0, options, StepCounts.Libraries(device)))
            action(device, gpu);
        if (isPlanted)
            _ = device.TakeFaults();
        else
            device.AssertClean();
    }

    // A plan, its loss and optimizer, whose input and targets are the same memory at each step.
    private protected sealed class Run : IDisposable
    {
        public const int T = 6;
        public const int B = 3;

        private readonly Sequential _model = Model();
        private readonly Plan _plan;
        private readonly MeanSquaredError _loss;
        private readonly Adam _adam;

        public Run(CudaBackend gpu)
        {
            try
            {
                _plan = _model.Plan(gpu, T, B, Mode.Training);
                _loss = new MeanSquaredError(_plan);
                _adam = new Adam(_plan, 0.01f);
            }
            catch
            {
                _loss?.Dispose();
                _plan?.Dispose();
                _model.Dispose();
                throw;
            }
            Graph = new StepGraph(
                _plan,
                () =>
                {
                    _plan.Forward(_plan.Input(T, B));
                    _plan.Backward(_loss.Compute());
                    _adam.Step();
                }
            );
        }

        public StepGraph Graph { get; }

        public float[] Parameters => _plan.Parameters.ToArray();

        public const long BatchBytes = T * B * 3 * sizeof(float);

        public static Sequential Model() => new(new Gru(2, 5), new Linear(5, 1));

        public void Load(int step)
        {
            _plan.SetInput(new Draw((ulong)step).Uniform(T * B * 2), T, B);
            _loss.SetTargets(new Draw((ulong)step + 9).Uniform(T * B));
        }

        public void Step(int step)
        {
            Load(step);
            Graph.Run();
        }

        public void Dispose()
        {
            Graph.Dispose();
            _adam.Dispose();
            _loss.Dispose();
            _plan.Dispose();
            _model.Dispose();
        }
    }
}
