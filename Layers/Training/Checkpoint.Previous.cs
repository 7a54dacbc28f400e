using System.Globalization;

namespace Sequor.Layers;

// Names an older checkpoint that a save has kept and that can be used when the newest is damaged.
public static partial class Checkpoint
{
    /// <summary>The largest number of older files that are kept.</summary>
    public const int MostKept = 100;

    /// <summary>An error that also names the newest of the kept files that is undamaged.</summary>
    private static CheckpointException Unsound(
        string path,
        string message,
        Exception? inner = null
    ) =>
        inner is null
            ? new CheckpointException(message + Advice(path))
            : new CheckpointException(message + Advice(path), inner);

    // Empty where no file was kept.
    private static string Advice(string path)
    {
        string[] kept;
        try
        {
            kept = KeptFiles.Of(path, MostKept);
        }
        catch (IOException)
        {
            return "";
        }
        foreach (string older in kept)
        {
            if (StepOf(older) is { } step)
                return string.Create(
                    CultureInfo.InvariantCulture,
                    $" '{older}', kept from before, is whole; it is of step {step}."
                );
        }
        return kept.Length == 0 ? ""
            : kept.Length == 1 ? $" '{kept[0]}', kept from before, is damaged as well."
            : $" Those kept from before, '{kept[0]}' to '{kept[^1]}', are damaged as well.";
    }

    /// <summary>The position of a checkpoint that is undamaged and finite; null for any other file.</summary>
    private static long? StepOf(string path)
    {
        try
        {
            (SafetensorsFile opened, Header header) = OpenAlone(path, whole: true);
            using SafetensorsFile file = opened;
            bool finite = file
                .Entries.Where(entry =>
                    entry.Name != StateName
                    && entry.Type == SafetensorsType.F32
                    && MustBeFinite(entry.Name, finiteExtra: false)
                )
                .All(entry => NonFinite.IndexIn(file.ReadFloats(entry.Name)) < 0);
            return finite ? header.Info.Position : null;
        }
        catch (Exception e)
            when (e
                    is CheckpointException
                        or SafetensorsException
                        or IOException
                        or UnauthorizedAccessException
            )
        {
            return null;
        }
    }
}
