using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>What --data means: a file for one task, a folder for one or several, or one that has such folders in it.</summary>
internal static class DataPaths
{
    /// <summary>The file or folder of each task whose data are read; the data of those that are missing are drawn.</summary>
    /// <param name="tasks">Those that are asked for.</param>
    /// <param name="data">The option's value.</param>
    /// <param name="among">Those that can be asked for.</param>
    public static Dictionary<string, string> Resolve(
        IReadOnlyList<TaskEntry> tasks,
        string? data,
        IReadOnlyList<TaskEntry> among
    )
    {
        TaskEntry[] taking = [.. tasks.Where(TakesFiles)];
        if (data is null)
        {
            Require([.. taking.Where(task => !task.IsDrawn)]);
            return [];
        }
        if (taking.Length == 0)
            throw new UsageException(
                $"--data is for the tasks {OfFiles(among)}; the data of the others are drawn"
            );
        if (taking.Length > 1 && taking.FirstOrDefault(HasNoName) is { } single)
            throw new UsageException(
                $"--data is one file for {single}, which is asked for alone, and not with {string.Join(", ", taking.Where(t => t != single))}"
            );
        if (Directory.Exists(data))
            return InFolder(taking, data);
        if (!File.Exists(data))
            throw new FailureException($"--data: there is no file or folder '{data}'");
        return taking is [{ Files.Count: 1 } only]
            ? new Dictionary<string, string> { [only.Name] = data }
            : throw new UsageException(
                $"--data must be a folder with {Names(taking)} for {string.Join(", ", (object[])taking)}, not the file '{data}'"
            );
    }

    /// <summary>The tasks whose data are not here, each with what <see cref="Resolve"/> would say of it.</summary>
    /// <param name="tasks">Those that are asked for.</param>
    /// <param name="data">The option's value.</param>
    public static IReadOnlyDictionary<TaskEntry, string> Missing(
        IReadOnlyList<TaskEntry> tasks,
        string? data
    )
    {
        var missing = new Dictionary<TaskEntry, string>();
        // A place that is none is wrong for all of them.
        if (data is not null && !Path.Exists(data))
            return missing;
        foreach (TaskEntry task in tasks.Where(task => !task.IsDrawn))
        {
            try
            {
                Resolve([task], data, tasks);
            }
            catch (Exception e) when (e is UsageException or FailureException)
            {
                missing[task] = e.Message;
            }
        }
        return missing;
    }

    /// <summary>Reads the data of a task.</summary>
    public static TaskData Load(TaskEntry task, string path)
    {
        try
        {
            return task.Load(path);
        }
        catch (Exception e)
            when (e is TaskDataException or IOException or UnauthorizedAccessException)
        {
            throw new FailureException($"--data: {e.Message}", e);
        }
    }

    /// <summary>The files that <see cref="Load"/> reads, as far as they are there.</summary>
    public static IEnumerable<string> FilesOf(TaskEntry task, string path) =>
        Directory.Exists(path)
            ? task.FilesIn(path) ?? task.Files.Select(file => file.FindIn(path)).OfType<string>()
            : [path];

    /// <summary>The data with at most so many words; all of them where there is no limit.</summary>
    public static TaskData Limit(TaskEntry task, TaskData data, int? vocabulary)
    {
        try
        {
            return vocabulary is { } most ? task.Limit(data, most) : data;
        }
        catch (TaskDataException e)
        {
            throw new FailureException($"--data: {e.Message}", e);
        }
    }

    /// <summary>Whether data have sequences of a length, and a model knows as many characters.</summary>
    public static void RequireFit(
        TaskEntry task,
        int length,
        TaskData? data,
        WindowOptions? windows = null
    )
    {
        try
        {
            task.RequireFit(length, data, windows);
        }
        catch (TaskDataException e)
        {
            throw new FailureException($"--data: {e.Message}", e);
        }
    }

    /// <summary>The option in help.</summary>
    /// <param name="among">Tasks that can be asked for.</param>
    /// <param name="folders">Whether there are tasks whose files are found in a folder.</param>
    public static string Describe(IReadOnlyList<TaskEntry> among, bool folders) =>
        $"the files of {OfFiles(among)}"
        + (
            folders
                ? ": a folder that has them under their authors' names, itself or in its folders"
                : ""
        );

    private static void Require(TaskEntry[] needing)
    {
        if (needing.Length == 0)
            return;
        string all = string.Join(", ", (object[])needing);
        throw new UsageException(
            needing is [{ Files.Count: 1 } one]
                ? $"--data FILE is needed for {all}: {one.Files[0]}"
                : $"--data FOLDER is needed for {all}, with {DataFile.Describe(needing.SelectMany(task => task.Files).Distinct())}"
        );
    }

    private static Dictionary<string, string> InFolder(TaskEntry[] tasks, string data)
    {
        var paths = new Dictionary<string, string>();
        string[] folders = [data, .. FoldersOf(data)];
        foreach (TaskEntry task in tasks)
        {
            if (HasNoName(task))
            {
                if (FilesIn(task, data) is not null)
                {
                    paths[task.Name] = data;
                    continue;
                }
                throw new FailureException(
                    $"--data: '{data}' is a folder, and the task {task} needs a file: {DataFile.Describe(task.Files)}"
                );
            }
            // Where no folder has all, the one with the most is meant, and its loader says what it lacks.
            string best = folders.MaxBy(folder => Found(task, folder))!;
            if (Found(task, best) == 0 && task.IsDrawn && tasks.Length > 1)
                continue;
            paths[task.Name] =
                Found(task, best) == task.Files.Count
                    ? best
                    : throw new FailureException(
                        $"--data: the folder '{best}' has no {DataFile.Describe(task.Files.Where(file => file.FindIn(best) is null))}; {task} needs it"
                    );
        }
        return paths;
    }

    private static IReadOnlyList<string>? FilesIn(TaskEntry task, string folder)
    {
        try
        {
            return task.FilesIn(folder);
        }
        catch (TaskDataException e)
        {
            throw new FailureException($"--data: {e.Message}", e);
        }
    }

    private static int Found(TaskEntry task, string folder) =>
        task.Files.Count(file => file.FindIn(folder) is not null);

    private static IEnumerable<string> FoldersOf(string folder)
    {
        try
        {
            return Directory.GetDirectories(folder).Order(StringComparer.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FailureException($"--data: {e.Message}", e);
        }
    }

    private static string Names(IEnumerable<TaskEntry> tasks) =>
        string.Join(
            ", ",
            tasks.SelectMany(task => task.Files).Select(file => file.Name).Distinct()
        );

    private static bool TakesFiles(TaskEntry task) => task.Files.Count > 0;

    private static bool HasNoName(TaskEntry task) => task.Files.Any(file => file.Name is null);

    private static string OfFiles(IReadOnlyList<TaskEntry> tasks) =>
        string.Join(", ", tasks.Where(TakesFiles));
}
