using System.Globalization;

namespace Sequor.Layers;

// Reading a checkpoint's metadata, which is checked before anything else uses it.
public static partial class Checkpoint
{
    private sealed record Header(CheckpointInfo Info, ulong RandomStep, string Settings);

    /// <summary>Opens a checkpoint and checks its header or, if <paramref name="whole"/>, all of it.</summary>
    /// <exception cref="CheckpointException">
    /// The file is damaged or not a checkpoint; the message names an older one that is undamaged, if there is one.
    /// </exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    private static (SafetensorsFile File, Header Header) Open(string path, bool whole)
    {
        try
        {
            return OpenAlone(path, whole);
        }
        catch (CheckpointException e)
        {
            throw Unsound(path, e.Message, e.InnerException);
        }
        catch (FileNotFoundException e) when (Advice(path) is { Length: > 0 } advice)
        {
            throw new FileNotFoundException($"There is no file '{path}'.{advice}", path, e);
        }
    }

    private static (SafetensorsFile File, Header Header) OpenAlone(string path, bool whole) =>
        Guard(() =>
        {
            SafetensorsFile file = Safetensors.Open(path);
            try
            {
                Header header = ReadHeader(file);
                if (whole && file.HasChecksum)
                    file.VerifyValues();
                return (file, header);
            }
            catch
            {
                file.Dispose();
                throw;
            }
        });

    private static Header ReadHeader(SafetensorsFile file)
    {
        string? format = file.Metadata.GetValueOrDefault(FormatKey);
        if (format is not (Format or UncheckedFormat))
        {
            bool other = format?.StartsWith(FormatName, StringComparison.Ordinal) == true;
            string named = Printable.Shortened(format ?? "");
            string what =
                other ? $"of the version '{named}'; this library reads '{Format}'"
                : format is null
                    ? $"no checkpoint of Sequor: it does not name the format '{Format}'"
                : $"no checkpoint of Sequor: its format is '{named}', not '{Format}'";
            throw new CheckpointException(
                $"'{file.Path}' is {(other ? "a checkpoint" : "a safetensors file, but")} {what}."
            );
        }
        if (format == Format || file.HasChecksum)
            file.VerifyHeader();
        string position = Text(file, PositionKey);
        if (!long.TryParse(position, NumberStyles.None, CultureInfo.InvariantCulture, out long at))
            throw Malformed(file, PositionKey, position);
        var info = new CheckpointInfo(
            at,
            Number(file, SeedKey),
            Text(file, OptimizerKey),
            file.Metadata.Where(p => !IsReserved(p.Key)).ToDictionary(p => p.Key, p => p.Value)
        );
        return new Header(info, Number(file, StepKey), Text(file, SettingsKey));
    }

    private static string Text(SafetensorsFile file, string key) =>
        file.Metadata.TryGetValue(key, out string? text)
            ? text
            : throw new CheckpointException($"'{file.Path}' lacks '{key}' in its metadata.");

    private static ulong Number(SafetensorsFile file, string key)
    {
        string text = Text(file, key);
        return ulong.TryParse(
            text,
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out ulong number
        )
            ? number
            : throw Malformed(file, key, text);
    }

    private static CheckpointException Malformed(SafetensorsFile file, string key, string text) =>
        new(
            $"'{file.Path}' has '{Printable.Shortened(text)}' for '{key}', where a whole number of 64 bits must stand."
        );
}
