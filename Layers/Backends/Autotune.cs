namespace Sequor.Layers;

/// <summary>
/// Whether a GPU's ways of computing are chosen by measuring them, and where the answers are kept: each is measured once for a
/// shape, device, driver and set of libraries, when a plan is made.
/// </summary>
public sealed record Autotune
{
    /// <summary>
    /// Decides where nothing else does: "off", "on", or the name of a file as in <see cref="InFile"/>. Without it, it is "on".
    /// </summary>
    public const string Variable = "SEQUOR_AUTOTUNE";

    private Autotune(bool isOn, string? path) => (IsOn, Path) = (isOn, path);

    /// <summary>Nothing is measured and no answer is read: rules that are told in docs/tuning.md choose.</summary>
    public static Autotune Off { get; } = new(false, null);

    /// <summary>Answers are kept in the user's folder for such things, or where SEQUOR_CACHE says.</summary>
    public static Autotune On { get; } = new(true, null);

    /// <summary>What the variable of the environment says.</summary>
    public static Autotune Default =>
        Environment.GetEnvironmentVariable(Variable) is { } text && !string.IsNullOrWhiteSpace(text)
            ? Of(text)
            : On;

    /// <summary>Whether it measures.</summary>
    public bool IsOn { get; }

    /// <summary>The file that answers are kept in; null for the user's own.</summary>
    public string? Path { get; }

    /// <summary>Answers are read from a file and added to it. It may not be there yet.</summary>
    /// <param name="path">The file.</param>
    public static Autotune InFile(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return new Autotune(true, path);
    }

    /// <summary>"off", "on", or a file's name.</summary>
    /// <param name="text">The word or the name.</param>
    public static Autotune Of(string text) =>
        text switch
        {
            "off" => Off,
            "on" => On,
            _ => InFile(text),
        };

    /// <inheritdoc/>
    public override string ToString() => IsOn ? Path ?? "on" : "off";
}
