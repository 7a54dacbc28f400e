using System.Globalization;

namespace Sequor.Layers;

// Saves and restores the states from which a backend's library draws dropout by itself.
public static partial class Checkpoint
{
    private const string LibraryKey = Reserved + "dropout_states";
    private const string LibraryPrefix = "dropout.";

    private const string Dropout = "dropout between the layers of recurrent networks";

    private static string? NameOf(IReadOnlyList<LibraryRandom> randoms) =>
        randoms.Count == 0
            ? null
            : string.Create(CultureInfo.InvariantCulture, $"{randoms.Count} of {randoms[0].Name}");

    private static string NameOf(int index) =>
        string.Create(CultureInfo.InvariantCulture, $"{LibraryPrefix}{index}");

    private static IEnumerable<SafetensorsTensor> LibraryTensors(
        IReadOnlyList<LibraryRandom> randoms
    ) =>
        randoms.Select(
            (random, i) => SafetensorsTensor.Of(NameOf(i), random.Read(), random.ByteCount)
        );

    /// <summary>The states that the plan can continue with; null where it must begin with others or has no use for any.</summary>
    private static List<byte[]>? ReadLibrary(
        SafetensorsFile file,
        Plan plan,
        ICollection<string>? notes
    )
    {
        string? there = file.Metadata.GetValueOrDefault(LibraryKey);
        string? here = NameOf(plan.LibraryRandoms);
        if (there != here)
        {
            notes?.Add(
                $"{Dropout} goes on with other masks: its random states are {Printable.Shortened(there ?? "none")} in the file, {here ?? "none"} here"
            );
            return null;
        }
        return Guard(() =>
            plan.LibraryRandoms.Select((random, i) => Read(file, random, i)).ToList()
        );
    }

    private static byte[] Read(SafetensorsFile file, LibraryRandom random, int index)
    {
        byte[] states = file.ReadBytes(NameOf(index));
        return states.Length == random.ByteCount
            ? states
            : throw new CheckpointException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"'{file.Path}' has {Amount.Of(states.Length, "byte")} for '{NameOf(index)}', where {random.ByteCount} must stand."
                )
            );
    }

    private static void PutBack(Plan plan, List<byte[]>? states)
    {
        for (int i = 0; i < plan.LibraryRandoms.Count; i++)
        {
            if (states is null)
                plan.LibraryRandoms[i].Begin(plan.RandomStep);
            else
                plan.LibraryRandoms[i].Write(states[i]);
        }
    }
}
