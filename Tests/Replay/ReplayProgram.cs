using Sequor.Layers;
using Sequor.VirtualGpu.Recording;

namespace Sequor.Replay;

/// <summary>The program: what it is asked for, and its exit codes.</summary>
internal static class ReplayProgram
{
    public const int Equal = 0;

    /// <summary>A kernel leaves something else, or none could be launched.</summary>
    public const int Different = 1;

    /// <summary>Wrong arguments, or a recording that cannot be read.</summary>
    public const int Usage = 2;

    public static int Run(string[] args)
    {
        try
        {
            ReplayOptions options = ReplayOptions.Parse(args);
            return options.Action switch
            {
                ReplayAction.Help => Help(),
                ReplayAction.Record => RecordingRun.Make(options.File),
                ReplayAction.Child => ReplayChild.Run(options),
                _ => Replay(options),
            };
        }
        catch (UsageException e)
        {
            return Tell(e.Message, Usage);
        }
        catch (Exception e)
        {
            return Tell(e.Message, Different);
        }
    }

    /// <summary>What every message begins with.</summary>
    public const string Prefix = "replay: ";

    private static int Replay(ReplayOptions options)
    {
        // What is damaged is told before anything is started.
        (Recording recording, long bytes) = RecordingPlace.Read(options.File);
        string[] kernels =
        [
            .. recording
                .Launches.Select(l => l.Kernel)
                .Distinct()
                .Where(k => options.Kernels.Count == 0 || options.Kernels.Contains(k)),
        ];
        string[] unknown = [.. options.Kernels.Except(kernels)];
        if (unknown.Length > 0)
            throw new UsageException($"the recording has no kernel {string.Join(", ", unknown)}");
        ReplayReport report = new ReplayRun(options, kernels).Run(bytes);
        ReplayView.Show(report, options.Json == "-" ? Console.Error : Console.Out);
        if (options.Json is { } path)
            report.Write(path);
        return report.Status == ReplayReport.Finished && report.Kernels.All(k => k.IsRight)
            ? Equal
            : Different;
    }

    private static int Help()
    {
        Console.Out.WriteLine(ReplayOptions.Help);
        return Equal;
    }

    private static int Tell(string message, int code)
    {
        Console.Error.WriteLine(Prefix + Printable.Of(message));
        return code;
    }
}
