namespace Sequor.Layers;

// Checks that values are finite. Others are not saved, since training could not continue from them, and not loaded either.
public static partial class Checkpoint
{
    /// <summary>A tensor to be written. Writing it fails at the first value that is not finite.</summary>
    /// <param name="named">The tensor.</param>
    /// <param name="finiteExtra">Whether the extra tensors must also be finite.</param>
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

    /// <summary>Describes the first value that must be finite and is not, as in model.0.bias is NaN at [3]; null for none.</summary>
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

    // A caller's extra tensors may hold any values.
    private static bool MustBeFinite(string name, bool finiteExtra) =>
        finiteExtra || !name.StartsWith(ExtraPrefix, StringComparison.Ordinal);

    private static string? Odd(
        (string Name, Tensor Tensor) named,
        ReadOnlySpan<float> values,
        long first = 0
    )
    {
        // The last norm may be that of a step which was skipped because of it.
        if (named.Name == StateName)
            values = values[..OptimizerUpdate.Norm];
        return NonFinite.Describe(values, FileTensor.Sizes(named.Tensor.Shape), first);
    }
}
