namespace Sequor.Layers;

// The check that values are finite: others are neither saved, as training could not go on from them, nor loaded.
public static partial class Checkpoint
{
    /// <summary>A tensor to be written, whose writing ends at the first value that is not finite.</summary>
    /// <param name="named">The tensor.</param>
    /// <param name="finiteExtra">Whether further tensors must be finite as well.</param>
    private static SafetensorsTensor ToWrite(
        (string Name, Tensor Tensor) named,
        bool finiteExtra
    ) =>
        MustBeFinite(named.Name, finiteExtra)
            ? SafetensorsTensor.Of(
                named.Name,
                named.Tensor,
                (first, values) =>
                {
                    if (Odd(named, values, first) is { } odd)
                        throw new DivergedException(
                            $"{named.Name} is {odd}, which is not finite: nothing can go on from it, and it was not saved"
                        );
                }
            )
            : SafetensorsTensor.Of(named.Name, named.Tensor);

    /// <summary>What the first value is that is not finite and must be, as in model.0.bias is NaN at [3]; null for none.</summary>
    private static string? FirstOdd(
        List<(string Name, Tensor Tensor)> tensors,
        List<float[]> values,
        bool finiteExtra
    )
    {
        for (int i = 0; i < values.Count; i++)
        {
            if (MustBeFinite(tensors[i].Name, finiteExtra) && Odd(tensors[i], values[i]) is { } odd)
                return $"{tensors[i].Name} is {odd}";
        }
        return null;
    }

    // What a caller adds may be anything.
    private static bool MustBeFinite(string name, bool finiteExtra) =>
        finiteExtra || !name.StartsWith(ExtraPrefix, StringComparison.Ordinal);

    private static string? Odd(
        (string Name, Tensor Tensor) named,
        ReadOnlySpan<float> values,
        long first = 0
    )
    {
        // The norm of the last gradients may be that of a step which was skipped for it.
        if (named.Name == StateName)
            values = values[..OptimizerUpdate.Norm];
        return NonFinite.Describe(values, FileTensor.Sizes(named.Tensor.Shape), first);
    }
}
