using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>What --data means: a file for one music task, a folder for one or several.</summary>
internal static class MusicPaths
{
    /// <summary>The file of each task.</summary>
    /// <param name="tasks">The music tasks that are asked for.</param>
    /// <param name="data">The option's value.</param>
    public static Dictionary<string, string> Resolve(IReadOnlyList<string> tasks, string? data)
    {
        string names = string.Join(", ", tasks.Select(MusicFiles.NameOf));
        if (tasks.Count == 0)
        {
            return data is null
                ? []
                : throw new UsageException(
                    $"--data is for the tasks {string.Join(", ", Presets.MusicTasks)}; the data of the others are drawn"
                );
        }
        if (data is null)
        {
            throw new UsageException(
                tasks.Count == 1
                    ? $"--data FILE is needed for {tasks[0]}: {names}, from {MusicFiles.Source}"
                    : $"--data FOLDER is needed for {string.Join(", ", tasks)}, with the files {names} from {MusicFiles.Source}"
            );
        }
        if (Directory.Exists(data))
            return tasks.ToDictionary(task => task, task => InFolder(data, task));
        if (!File.Exists(data))
            throw new FailureException($"--data: there is no file or folder '{data}'");
        return tasks.Count == 1
            ? new Dictionary<string, string> { [tasks[0]] = data }
            : throw new UsageException(
                $"--data must be a folder with {names} for {string.Join(", ", tasks)}, not the file '{data}'"
            );
    }

    /// <summary>Reads a file.</summary>
    public static MusicDataset Load(string path)
    {
        try
        {
            return MusicDataset.Load(path);
        }
        catch (Exception e)
            when (e is MatFileException or IOException or UnauthorizedAccessException)
        {
            throw new FailureException($"--data: {e.Message}", e);
        }
    }

    private static string InFolder(string folder, string task)
    {
        string path = Path.Combine(folder, MusicFiles.NameOf(task));
        return File.Exists(path)
            ? path
            : throw new FailureException(
                $"--data: the folder '{folder}' has no {MusicFiles.NameOf(task)}, which {task} needs; it comes from {MusicFiles.Source}"
            );
    }
}
