using Sequor.Native;

namespace Sequor.Interop;

// Finds the matrices and biases in the weight space, whose layout only cuDNN knows.
public sealed unsafe partial class RnnDescriptor
{
    /// <summary>A made-up address from which offsets are computed. cuDNN only adds to it and never reads there.</summary>
    private const long Base = 1L << 20;

    /// <summary>
    /// Lists every matrix and bias of the weight space, in the order of layers and gates. Only this call tells where they lie; there are
    /// gaps between them.
    /// </summary>
    public IReadOnlyList<RnnWeight> Weights(CuDnnHandle handle)
    {
        ArgumentNullException.ThrowIfNull(handle);
        long bytes = WeightSpaceBytes(handle);
        using CudaContextScope scope = Context.Enter();
        using TensorDescriptor matrix = TensorDescriptor.Create(Context);
        using TensorDescriptor bias = TensorDescriptor.Create(Context);
        int kinds = 2 * Settings.Gates + (Settings.ProjectionSize is null ? 0 : 1);
        var weights = new List<RnnWeight>();
        for (int layer = 0; layer < Settings.Layers * Settings.Directions; layer++)
        for (int kind = 0; kind < kinds; kind++)
        {
            void* matrixAt;
            void* biasAt;
            Check(
                Library.cudnnGetRNNWeightParams(
                    handle.Handle,
                    Handle,
                    layer,
                    (nuint)bytes,
                    (void*)Base,
                    kind,
                    matrix.Handle,
                    &matrixAt,
                    bias.Handle,
                    &biasAt
                ),
                nameof(Library.cudnnGetRNNWeightParams),
                $"layer {layer}, gate {kind} of {this}"
            );
            if (matrixAt != null)
                weights.Add(Made(layer, kind, false, (long)matrixAt, matrix.Read()));
            if (biasAt != null)
                weights.Add(Made(layer, kind, true, (long)biasAt, bias.Read()));
        }
        return weights;
    }

    /// <summary>Makes the entry for a matrix or bias, which cuDNN describes as [1, rows, columns].</summary>
    private RnnWeight Made(int layer, int kind, bool isBias, long address, int[] sizes)
    {
        int size = CuDnnElement.Size(Settings.DataType);
        long offset = address - Base;
        if (sizes.Length != 3 || offset < 0 || offset % size != 0)
            throw new InvalidOperationException(
                $"cuDNN puts layer {layer}, gate {kind} of {this} at byte {offset} as"
                    + $" [{string.Join(", ", sizes)}]; [1, rows, columns] was expected."
            );
        return new(layer, kind, isBias, offset / size, sizes[1], sizes[2]);
    }
}
