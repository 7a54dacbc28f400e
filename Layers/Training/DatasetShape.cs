using System.Globalization;

namespace Sequor.Layers;

/// <summary>The sizes that a dataset reported when its use began, which it must not change afterwards.</summary>
internal readonly record struct DatasetShape(
    int? Count,
    int InputSize,
    int OutputSize,
    int TargetSize,
    bool OneOutput,
    bool IsWeighted
)
{
    public static DatasetShape Of(Dataset data) =>
        new(
            data.Count,
            data.InputSize,
            data.OutputSize,
            data.TargetSize,
            data.OneOutput,
            data.IsWeighted
        );

    /// <exception cref="DatasetException">The set reports something else now.</exception>
    public void RequireSame(Dataset data)
    {
        DatasetShape now = Of(data);
        if (now != this)
            throw new DatasetException(
                $"The dataset '{data.Name}' was {this} when it was taken into use, and is {now} now; it has to stay as it is."
            );
    }

    /// <summary>Whether a batch that was made for one has room for the values of the other.</summary>
    public bool HasSameValues(DatasetShape other) => this with { Count = other.Count } == other;

    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{(Count is { } count ? Amount.Of(count, "sequence") : "endless")} of {InputSize} channels in, {OutputSize} out, {Amount.Of(TargetSize, "number")} a target{(OneOutput ? ", one a sequence" : "")}{(IsWeighted ? ", with weights" : "")}"
        );
}
