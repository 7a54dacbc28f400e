namespace Sequor.Tool;

/// <summary>
/// Reads sequor.suites/1, which the diagnoser for BenchmarkDotNet writes. A launch is a process, and so a round; what a benchmark reported
/// of the device is of one of them.
/// </summary>
internal sealed class SuitesReader : FigureReader
{
    public override string Format => "sequor.suites/1";

    public override FigureFile Read(FigureJson file)
    {
        IReadOnlyList<FigureJson> results = file["results"].Items();
        FigureJson[] devices = [.. results.Select(r => r.Maybe("on_device")).OfType<FigureJson>()];
        return new FigureFile(
            [
                .. MachineOf(file),
                .. devices.SelectMany(BackendOf).Distinct(),
                .. devices.Select(device => DeviceOf(device["device"].Text())).Distinct(),
            ],
            [.. results.SelectMany(Of)]
        )
        {
            Partial = PartialOf(file),
            Run = file["title"].Text(),
        };
    }

    private static IEnumerable<Figure> Of(FigureJson result)
    {
        var subject = new Subject(result["name"].Text(), "", "");
        double[] rounds = [.. result["rounds_ms"].Items().Select(round => round.Time())];
        if (rounds.Length == 0)
            throw new FigureException($"rounds_ms of {subject} is empty");
        yield return new Figure(subject, "ms", FigureKind.Timed, "ms", rounds);
        foreach (Figure figure in CountedOf(result, subject, null, "managed_bytes"))
            yield return figure;
        if (result.Maybe("on_device") is not { } device)
            yield break;
        yield return new Figure(
            subject,
            "device_ms",
            FigureKind.Timed,
            "ms",
            [device["ms"].Time()]
        );
        string[] counted = ["peak_bytes", "launches", "flops"];
        foreach (Figure figure in CountedOf(device, subject, null, counted))
            yield return figure;
        foreach (Figure figure in MovedOf(device, subject))
            yield return figure;
    }
}
