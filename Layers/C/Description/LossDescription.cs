using Sequor.Layers;

namespace Sequor.C;

/// <summary>Makes a loss of its description, as {"type": "softmax_cross_entropy", "ignore_index": -100}.</summary>
internal static class LossDescription
{
    /// <summary>Makes a loss for a plan.</summary>
    public static Loss Make(Place place, Plan plan)
    {
        var all = new Fields(place, "a loss", "type", "ignore_index");
        string kind = all.Require("type")
            .Word(
                ("mse", "mse"),
                ("softmax_cross_entropy", "softmax_cross_entropy"),
                ("binary_cross_entropy", "binary_cross_entropy")
            );
        string what = $"a loss of type \"{kind}\"";
        switch (kind)
        {
            case "softmax_cross_entropy":
                return new SoftmaxCrossEntropy(plan, all.Find("ignore_index")?.Int());
            case "mse":
                _ = new Fields(place, what, "type");
                return new MeanSquaredError(plan);
            default:
                _ = new Fields(place, what, "type");
                return new BinaryCrossEntropy(plan);
        }
    }
}
