using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>What --data means: a file for one task, a folder for one or several.</summary>
internal static class DataPaths
{
    /// <summary>The file of each task.</summary>
    /// <param name="tasks">Those that are asked for and whose data come from a file.</param>
    /// <param name="data">The option's value.</param>
    /// <param name="among">Those that can be asked for.</param>
    public static Dictionary<string, string> Resolve(
        IReadOnlyList<TaskEntry> tasks,
        string? data,
        IReadOnlyList<TaskEntry> among
    )
    {
        if (tasks.Count == 0)
        {
            return data is null
                ? []
                : throw new UsageException(
                    $"--data is for the tasks {OfFiles(among)}; the data of the others are drawn"
                );
        }
        string all = string.Join(", ", tasks);
        if (tasks.Count > 1 && tasks.FirstOrDefault(t => t.File!.Name is null) is { } single)
            throw new UsageException(
                $"--data is one file for {single}, which is asked for alone, and not with {string.Join(", ", tasks.Where(t => t != single))}"
            );
        string names = string.Join(", ", tasks.Select(task => task.File!.Name));
        string sources = string.Join("; ", tasks.Select(task => task.File!.Source).Distinct());
        if (data is null)
        {
            throw new UsageException(
                tasks.Count == 1
                    ? $"--data FILE is needed for {all}: {tasks[0].File}"
                    : $"--data FOLDER is needed for {all}, with the files {names} from {sources}"
            );
        }
        if (Directory.Exists(data))
            return tasks.ToDictionary(task => task.Name, task => InFolder(data, task));
        if (!File.Exists(data))
            throw new FailureException($"--data: there is no file or folder '{data}'");
        return tasks.Count == 1
            ? new Dictionary<string, string> { [tasks[0].Name] = data }
            : throw new UsageException(
                $"--data must be a folder with {names} for {all}, not the file '{data}'"
            );
    }

    /// <summary>Reads the file of a task.</summary>
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

    /// <summary>Whether data have sequences of a length.</summary>
    public static void RequireFit(TaskEntry task, int length, TaskData? data)
    {
        try
        {
            task.RequireFit(length, data);
        }
        catch (TaskDataException e)
        {
            throw new FailureException($"--data: {e.Message}", e);
        }
    }

    /// <summary>The option in help.</summary>
    /// <param name="among">Tasks that can be asked for.</param>
    /// <param name="folders">Whether there are tasks whose file is found in a folder.</param>
    public static string Describe(IReadOnlyList<TaskEntry> among, bool folders) =>
        $"the file of {OfFiles(among)}"
        + (folders ? ", or a folder that has it under its authors' name" : "");

    private static string OfFiles(IReadOnlyList<TaskEntry> tasks) =>
        string.Join(", ", tasks.Where(task => task.File is not null));

    private static string InFolder(string folder, TaskEntry task)
    {
        DataFile file = task.File!;
        if (file.Name is null)
            throw new FailureException(
                $"--data: '{folder}' is a folder, and the task {task} needs a file: {file}"
            );
        string path = Path.Combine(folder, file.Name);
        return File.Exists(path)
            ? path
            : throw new FailureException(
                $"--data: the folder '{folder}' has no {file.Name}, which {task} needs; it comes from {file.Source}"
            );
    }
}
