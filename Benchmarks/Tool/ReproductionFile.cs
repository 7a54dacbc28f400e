using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>
/// Reads sequor.reproduce/1 for a page. Older files say less: what came later is filled in where the catalogue knows it, and left open
/// elsewhere.
/// </summary>
internal static class ReproductionFile
{
    // Of older files, whose times were not longer.
    private const float UnknownRate = float.NaN;

    /// <summary>The results of a file.</summary>
    /// <exception cref="FigureException">Something in it is missing or wrong; the message says where.</exception>
    public static ReproductionBook Read(FigureJson file)
    {
        FigureJson machine = file["machine"];
        string status = file.Maybe("status")?.Text() ?? RunStatus.Finished;
        return new ReproductionBook
        {
            Results = [.. file["results"].Items().Select(Result)],
            Failed = [.. Items(file, "failed").Select(Failed)],
            Left = [.. Items(file, "left").Select(Left)],
            Sources =
            [
                new BookSource(
                    file.Maybe("date")?.Text(),
                    $"{machine["sequor"].Text()} ({Short(machine.Maybe("commit")?.Text() ?? "unknown")})",
                    machine["cpu"].Text()
                )
                {
                    Cores = (int)machine["cores"].Count(),
                    Device = file.Maybe("device")?.Text(),
                    Threads = (int?)file.Maybe("threads")?.Count(),
                },
            ],
            Status = status,
            Reason = file.Maybe("reason")?.Text(),
        };
    }

    private static IReadOnlyList<FigureJson> Items(FigureJson file, string name) =>
        file.Maybe(name)?.Items() ?? [];

    private static ReproductionResult Result(FigureJson json)
    {
        string task = json["task"].Text();
        string arch = json["arch"].Text();
        string name = json["preset"].Text();
        Preset? preset = Presets.All.FirstOrDefault(p =>
            p.Task == task && p.Arch == arch && p.Name == name
        );
        string metric = json["metric"].Text();
        return new ReproductionResult
        {
            Task = task,
            Arch = arch,
            Preset = name,
            Length = (int?)json.Maybe("length")?.Count() ?? LengthOf(preset),
            Parameters = (long)json["parameters"].Count(),
            Budget =
                (long?)json.Maybe("parameter_budget")?.Count()
                ?? preset?.Budget
                ?? (long)json["parameters"].Count(),
            Data = json.Maybe("data")?.Text() ?? "unknown",
            Metric = metric,
            HigherIsBetter = json.Maybe("higher_is_better")?.Truth() ?? false,
            Loss = json.Maybe("loss")?.Text() ?? metric,
            Paper = json.Maybe("paper")?.Time(),
            Note = json.Maybe("note")?.Text() ?? preset?.Note,
            Valid = json.Maybe("valid")?.Finite(),
            Test = json.Maybe("test")?.Finite(),
            Recalled = json.Maybe("recalled")?.Count(),
            Seeds = (int)json["seeds"].Count(),
            Epochs = (int)json["epochs"].Count(),
            EpochsAsked =
                (int?)json.Maybe("epochs_asked")?.Count()
                ?? preset?.Training.Epochs
                ?? (int)json["epochs"].Count(),
            Seconds = json["seconds"].Count(),
            PeakBytes = (long)json["peak_bytes"].Count(),
            Finished = json["finished"].Truth(),
            Runs = [.. json["runs"].Items().Select(Run)],
        };
    }

    private static int? LengthOf(Preset? preset) =>
        preset is { Length: > 0 } ? preset.Length : null;

    private static ReproductionRun Run(FigureJson json) =>
        new(
            (ulong)json["seed"].Count(),
            json.Maybe("valid")?.Finite(),
            json.Maybe("test")?.Finite(),
            (int)json["best_epoch"].Count(),
            [.. json["curve"].Items().Select(Epoch)],
            Stopped(json["stopped"])
        )
        {
            Reason = json.Maybe("reason")?.Text(),
            Recalled = json.Maybe("recalled")?.Count(),
            Answers = json.Maybe("answers") is { } answers ? Answers(answers) : null,
            Device = json.Maybe("device")?.Text() ?? "unknown",
            Threads = (int)(json.Maybe("threads")?.Count() ?? 0),
        };

    private static RightAnswers Answers(FigureJson json)
    {
        int count = (int)json["count"].Count();
        FigureJson bits = json["bits"];
        byte[] bytes;
        try
        {
            bytes = Convert.FromBase64String(bits.Text());
        }
        catch (FormatException)
        {
            throw bits.Wrong("base64");
        }
        return bytes.Length == RightAnswers.BytesOf(count)
            ? new RightAnswers(count, bytes)
            : throw bits.Wrong($"{RightAnswers.BytesOf(count)} bytes in base64");
    }

    private static EpochRecord Epoch(FigureJson json) =>
        new(
            (int)json["epoch"].Count(),
            json["train"].Finite(),
            json["valid"].Finite(),
            (float?)json.Maybe("rate")?.Count() ?? UnknownRate,
            json["seconds"].Count()
        );

    private static StopReason Stopped(FigureJson json) =>
        Enum.TryParse(json.Text(), ignoreCase: true, out StopReason reason)
        && reason.ToString().Equals(json.Text(), StringComparison.OrdinalIgnoreCase)
            ? reason
            : throw json.Wrong(
                $"one of {string.Join(", ", Enum.GetNames<StopReason>().Select(n => n.ToLowerInvariant()))}"
            );

    private static FailedRun Failed(FigureJson json) =>
        new(
            json["task"].Text(),
            json["arch"].Text(),
            json["preset"].Text(),
            (ulong)json["seed"].Count(),
            json["status"].Text(),
            json["reason"].Text(),
            [.. json["curve"].Items().Select(Epoch).Select(CurvePoint.Of)]
        );

    private static LeftRun Left(FigureJson json) =>
        new(
            json["task"].Text(),
            json["arch"].Text(),
            json["preset"].Text(),
            (ulong)json["seed"].Count(),
            json["reason"].Text(),
            json.Maybe("seconds")?.Count(),
            json["measured"].Truth()
        );

    private static string Short(string commit) => commit.Length > 12 ? commit[..12] : commit;
}
