using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>What --data means: a file for one task, a folder for one or several.</summary>
internal static class DataPaths
{
    /// <summary>The file of each task.</summary>
    /// <param name="tasks">Those that are asked for and whose data come from a file.</param>
    /// <param name="data">The option's value.</param>
    public static Dictionary<string, string> Resolve(IReadOnlyList<TaskEntry> tasks, string? data)
    {
        if (tasks.Count == 0)
        {
            return data is null
                ? []
                : throw new UsageException(
                    $"--data is for the tasks {string.Join(", ", Tasks.All.Where(t => t.File is not null))}; the data of the others are drawn"
                );
        }
        string all = string.Join(", ", tasks);
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

    private static string InFolder(string folder, TaskEntry task)
    {
        DataFile file = task.File!;
        string path = Path.Combine(folder, file.Name!);
        return File.Exists(path)
            ? path
            : throw new FailureException(
                $"--data: the folder '{folder}' has no {file.Name}, which {task} needs; it comes from {file.Source}"
            );
    }
}
