namespace Sequor.Layers;

/// <summary>Sequor's own model files: a model's tensors under their names in the model, and a description of its layers.</summary>
internal static class ModelFile
{
    private const string FormatKey = "format";
    private const string Format = "sequor.model/2";

    // Version 1 had no checksum.
    private const string UncheckedFormat = "sequor.model/1";
    private const string ArchitectureKey = "sequor.architecture";

    public static void Save(string path, Layer model) =>
        WeightFile.Save(
            path,
            model,
            Tensors(model),
            new Dictionary<string, string>
            {
                [FormatKey] = Format,
                [ArchitectureKey] = Describe(model),
                [FileChecksum.Key] = FileChecksum.Unknown,
            }
        );

    public static void Load(string path, Layer model, Backend? backend)
    {
        using SafetensorsFile file = Safetensors.Open(path);
        string? format = file.Metadata.GetValueOrDefault(FormatKey);
        if (format is not (Format or UncheckedFormat))
        {
            throw new SafetensorsException(
                $"'{path}' is no model saved by Sequor: its format is {(format is null ? "not named" : $"'{SafetensorsHeader.Shorten(format)}'")}, not '{Format}'. "
                    + "TorchWeights reads PyTorch's files, Checkpoint those of a training."
            );
        }
        if (format == Format || file.HasChecksum)
        {
            file.VerifyHeader();
            file.VerifyValues();
        }
        try
        {
            WeightFile.Load(file, model, Tensors(model), backend, _ => false);
        }
        catch (SafetensorsException e)
            when (file.Metadata.GetValueOrDefault(ArchitectureKey) is { } there)
        {
            throw new SafetensorsException(
                $"{e.Message}\nThe file is of {SafetensorsHeader.Shorten(there, 1000)}; this is {Describe(model)}.",
                e
            );
        }
    }

    private static FileTensor[] Tensors(Layer model) =>
        [
            .. ModelTensor
                .All(model)
                .Select(tensor => new FileTensor(
                    tensor,
                    [tensor.Name],
                    FileTensor.Sizes(tensor.Shape)
                )),
        ];

    /// <summary>Describes the layers with their channels, as in Sequential(0: Lstm 2 -> 24, 1: Linear 24 -> 1).</summary>
    private static string Describe(Layer layer)
    {
        string name = layer.GetType().Name;
        return layer.Children.Count == 0
            ? $"{name} {layer.InputSize} -> {layer.OutputSize}"
            : $"{name}({string.Join(", ", layer.Children.Select(c => $"{c.Name}: {Describe(c.Layer)}"))})";
    }
}
