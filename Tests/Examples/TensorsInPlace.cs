using Sequor.Layers;

namespace Sequor.Tests.Examples;

/// <summary>What docs/dlpack.md shows: a layer on another library's tensor, and its output handed back, without a copy.</summary>
internal static class TensorsInPlace
{
    public static nint Run(Backend backend, nint managed)
    {
        // Shown
        using var lstm = new Lstm(inputSize: 16, hiddenSize: 32);
        using Plan plan = lstm.Plan(backend, maxLength: 20, maxBatch: 4, Mode.Evaluation);

        // managed is the address of a DLManagedTensorVersioned of float32 values [20, 4, 16].
        using DlPackTensor x = DlPack.Import(
            backend,
            managed,
            DlPackForm.Versioned,
            DlPackAccess.Read
        );
        Tensor y = plan.Forward(x.Tensor); // reads where the producer wrote

        // The consumer's now: it stays until they call its deleter, also when the plan is gone.
        nint given = DlPack.Export(y, DlPackForm.Versioned);
        // Shown
        return given;
    }
}
