using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;

namespace Sequor.Tests.Examples;

/// <summary>What README.md shows: an LSTM on pointers and a stream of other GPU code.</summary>
internal static class LstmOnForeignPointers
{
    public static void Run(
        nint theirContext,
        nint theirStream,
        nint x,
        nint y,
        nint dy,
        nint dx,
        CudaLibraries? libraries = null
    )
    {
        // Shown
        using CudaContext context = CudaContext.Attach(theirContext, libraries);
        using CudaStream stream = CudaStream.Attach(context, theirStream);
        using var gpu = new CudaBackend(context, stream);
        using var lstm = new Lstm(inputSize: 16, hiddenSize: 32, layers: 2);
        using Plan plan = lstm.Plan(
            gpu,
            maxLength: 20,
            maxBatch: 4,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );

        plan.Forward(gpu.Wrap(x, new Shape(20, 4, 16)));
        plan.Backward(gpu.Wrap(dy, new Shape(20, 4, 32)));
        plan.Output.CopyTo(gpu.Wrap(y, new Shape(20, 4, 32))); // or use plan.Output.Address
        plan.InputGradient.CopyTo(gpu.Wrap(dx, new Shape(20, 4, 16)));
        // Shown
    }
}
