using ManagedCuda;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;

namespace Sequor.Tests.Examples;

/// <summary>What docs/managedcuda.md shows: a plan in ManagedCuda's context and stream, on its memory, with the result as its memory.</summary>
internal static class PlanOnManagedCuda
{
    public static float[] Run(
        PrimaryContext theirContext,
        ManagedCuda.CudaStream theirStream,
        CudaDeviceVariable<float> theirX,
        CudaLibraries libraries
    )
    {
        // Shown
        using var context = theirContext.ToSequor(libraries);
        using var stream = theirStream.ToSequor(context);
        using var gpu = new CudaBackend(context, stream);
        using var lstm = new Lstm(inputSize: 16, hiddenSize: 32);
        using Plan plan = lstm.Plan(gpu, maxLength: 20, maxBatch: 4, Mode.Evaluation);

        using var x = theirX.ToSequor(context); // a CudaDeviceVariable<float> of 20 * 4 * 16, in place
        plan.Forward(gpu.Wrap(x, new Shape(20, 4, 16)));

        using var y = context.Allocate<float>(20 * 4 * 32);
        plan.Output.CopyTo(gpu.Wrap(y, new Shape(20, 4, 32)));
        var theirY = y.ToManagedCuda(); // a CudaDeviceVariable<float>, which does not free it
        var result = new float[20 * 4 * 32];
        theirStream.Synchronize();
        theirY.CopyToHost(result);
        // Shown
        return result;
    }
}
