using System.Globalization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// The texts in a checkpoint's metadata, which anybody may have written: each is checked before it is obeyed or shown. An error
/// names the file, the text, what it says and what is allowed.
/// </summary>
/// <param name="path">The checkpoint's file, for messages.</param>
/// <param name="texts">Its texts.</param>
public sealed class CheckpointTexts(string path, IReadOnlyDictionary<string, string> texts)
{
    private const string DeviceKey = "device";
    private const string ThreadsKey = "threads";

    /// <summary>The texts of a checkpoint.</summary>
    /// <param name="path">Its file.</param>
    /// <param name="info">What was read of it.</param>
    public static CheckpointTexts Of(string path, CheckpointInfo info)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(info);
        return new CheckpointTexts(path, info.Metadata);
    }

    /// <summary>Where the run that it is of ran, "cpu" or "cuda:N"; null where it does not say.</summary>
    /// <exception cref="CheckpointException">It says something else.</exception>
    public string? Device =>
        texts.ContainsKey(DeviceKey)
            ? Checked(DeviceKey, IsDevice, "cpu or cuda:N, N from 0 to 65535")
            : null;

    /// <summary>The CPU's threads of that run; null where it ran on another device, or does not say.</summary>
    /// <exception cref="CheckpointException">It says a number that no run has.</exception>
    public int? Threads
    {
        get
        {
            if (!texts.ContainsKey(ThreadsKey))
                return null;
            int threads = (int)Whole(ThreadsKey, 1, Limits.Threads);
            // Of older ones, which do not say where they ran, all ran on a CPU.
            return (Device ?? "cpu") == "cpu" ? threads : null;
        }
    }

    /// <summary>Whether there is a text of a name.</summary>
    public bool Has(string key) => texts.ContainsKey(key);

    /// <summary>One of some words.</summary>
    /// <exception cref="CheckpointException">There is no such text, or it is another word.</exception>
    public string Word(string key, IReadOnlyList<string> allowed)
    {
        ArgumentNullException.ThrowIfNull(allowed);
        return Checked(key, allowed.Contains, $"one of {string.Join(", ", allowed)}");
    }

    /// <summary>Requires a text.</summary>
    /// <param name="key">The text's name.</param>
    /// <param name="value">What it has to be.</param>
    /// <param name="why">Why it has to be that.</param>
    /// <exception cref="CheckpointException">There is no such text, or it is another one.</exception>
    public void Same(string key, string value, string why) =>
        Checked(key, text => text == value, $"{value}, {why}");

    /// <summary>A whole number.</summary>
    /// <exception cref="CheckpointException">There is no such text, or it is out of range.</exception>
    public long Whole(string key, long least, long most)
    {
        long number = 0;
        Checked(
            key,
            text =>
                long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number)
                && number >= least
                && number <= most,
            string.Create(CultureInfo.InvariantCulture, $"a whole number from {least} to {most}")
        );
        return number;
    }

    /// <summary>A whole number of 64 bits.</summary>
    /// <exception cref="CheckpointException">There is no such text, or it is none.</exception>
    public ulong Seed(string key)
    {
        ulong number = 0;
        Checked(
            key,
            text =>
                ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number),
            string.Create(
                CultureInfo.InvariantCulture,
                $"a whole number from 0 to {ulong.MaxValue}"
            )
        );
        return number;
    }

    /// <summary>A finite number above 0 of single precision.</summary>
    /// <param name="key">The text's name.</param>
    /// <param name="none">Whether the word none is allowed, and means infinity.</param>
    /// <exception cref="CheckpointException">There is no such text, or it is something else.</exception>
    public float Positive(string key, bool none = false)
    {
        float number = float.PositiveInfinity;
        Checked(
            key,
            text =>
                (none && text == "none")
                || (
                    float.TryParse(
                        text,
                        NumberStyles.Float,
                        CultureInfo.InvariantCulture,
                        out number
                    )
                    && float.IsFinite(number)
                    && number > 0
                ),
            "a finite number above 0 of single precision" + (none ? ", or none" : "")
        );
        return number;
    }

    /// <summary>What a text is that is not as it must be.</summary>
    public CheckpointException Wrong(string key, string allowed) =>
        new(
            texts.TryGetValue(key, out string? text)
                ? $"'{path}' has '{Printable.Shortened(text)}' for '{key}' in its metadata; allowed: {allowed}"
                : $"'{path}' has no '{key}' in its metadata, which a checkpoint of this command has; allowed: {allowed}"
        );

    private string Checked(string key, Func<string, bool> isRight, string allowed) =>
        texts.TryGetValue(key, out string? text) && isRight(text)
            ? text
            : throw Wrong(key, allowed);

    private static bool IsDevice(string text) =>
        text == "cpu"
        || (
            text.StartsWith("cuda:", StringComparison.Ordinal)
            && ushort.TryParse(
                text.AsSpan("cuda:".Length),
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out _
            )
        );
}
