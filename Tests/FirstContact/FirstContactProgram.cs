using System.Text.Json;
using Sequor.Layers;
using Sequor.Replay;

namespace Sequor.FirstContact;

/// <summary>The program: all checks, one check in its own process, or what a check starts.</summary>
internal static class FirstContactProgram
{
    private const int AllHeld = 0;
    private const int NotAllHeld = 1;
    private const int Usage = 2;

    public static int Run(string[] args)
    {
        try
        {
            FirstContactOptions options = FirstContactOptions.Parse(args);
            if (options.ShowHelp)
                return Print(FirstContactOptions.Help);
            if (options.List)
                return Print(
                    string.Join('\n', AllChecks.InOrder.Select(c => $"{c.Name, -14} {c.Proves}"))
                );
            if (options.Probe.Length > 0)
                return Probes.Run(options);
            return options.Check is null ? RunAll(options) : RunOne(options);
        }
        catch (UsageException e)
        {
            return Tell(e.Message, Usage);
        }
        catch (Exception e)
        {
            return Tell(e.Message, NotAllHeld);
        }
    }

    private static int RunAll(FirstContactOptions options)
    {
        string folder = Path.GetFullPath(options.Folder!);
        try
        {
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, FirstContactReport.PageName), "");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{folder} cannot be written to: {e.Message}");
        }
        FirstContactReport report = new CheckRuns(options, folder).Run();
        string page = Page.Of(report);
        File.WriteAllText(Path.Combine(folder, FirstContactReport.PageName), page);
        File.WriteAllBytes(
            Path.Combine(folder, FirstContactReport.JsonName),
            [.. report.ToUtf8(), (byte)'\n']
        );
        Console.Out.Write(page);
        return report.Checks.Any(c => c.Outcome.IsBad) ? NotAllHeld : AllHeld;
    }

    private static int RunOne(FirstContactOptions options)
    {
        Check check = AllChecks.InOrder.Single(c => c.Name == options.Check);
        CheckOutcome outcome;
        using (var context = new CheckContext(options.Virtual, options.Folder!))
        {
            try
            {
                outcome = check.Run(context);
            }
            catch (Exception e)
            {
                Console.Error.WriteLine(e);
                outcome = CheckOutcome.Failed(e.Message);
            }
            // Before what may fail on the way out.
            File.WriteAllBytes(
                options.Out!,
                JsonSerializer.SerializeToUtf8Bytes(outcome, FirstContactJson.Default.CheckOutcome)
            );
        }
        return AllHeld;
    }

    private static int Print(string text)
    {
        Console.Out.WriteLine(text);
        return AllHeld;
    }

    private static int Tell(string message, int code)
    {
        Console.Error.WriteLine($"first-contact: {Printable.Of(message)}");
        return code;
    }
}
