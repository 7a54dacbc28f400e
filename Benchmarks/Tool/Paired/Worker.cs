using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Sequor.Tool;

/// <summary>One of the processes that take turns, seen from the program that gives them.</summary>
internal sealed class Worker : IDisposable
{
    /// <summary>The side of the program that is measured against.</summary>
    public const string Base = "BASE";

    /// <summary>The side of this program.</summary>
    public const string Head = "HEAD";

    private readonly ChildProcess _process;
    private readonly string _side;
    private readonly string _program;
    private readonly string _what;
    private readonly TimeSpan _patience;

    /// <summary>Starts it.</summary>
    /// <param name="start">The program.</param>
    /// <param name="side"><see cref="Base"/> or <see cref="Head"/>.</param>
    /// <param name="patience">How long it may take to answer.</param>
    /// <exception cref="UsageException">It cannot be started.</exception>
    public Worker(ProcessStartInfo start, string side, TimeSpan patience)
    {
        (_side, _program, _patience) = (side, start.FileName, patience);
        _what = $"{side} ('{start.FileName}')";
        try
        {
            _process = new ChildProcess(start, _what);
        }
        catch (FailureException e)
        {
            throw new UsageException(
                side == Base ? $"--paired: {e.Message}; {PairedCommand.Others}" : e.Message
            );
        }
    }

    /// <summary>Waits for its first line, which tells what it is.</summary>
    /// <exception cref="UsageException">It is no sequor that can take turns.</exception>
    public FigureSet Greet(CancellationToken stop)
    {
        try
        {
            string hello = _process.ReadLine(_patience, stop);
            return FigureSet.Of(_side, _program, Encoding.UTF8.GetBytes(hello));
        }
        catch (Exception e) when (e is FailureException or UsageException)
        {
            throw new UsageException(
                $"{_what} is no sequor that --paired can measure, or an older one: {e.Message}"
            );
        }
    }

    /// <summary>Gives it a turn and waits for its end.</summary>
    /// <returns>The step of each result.</returns>
    /// <exception cref="UsageException">It crashed, hung or answered with no times.</exception>
    public WorkerTurn Turn(TimeSpan time, CancellationToken stop)
    {
        BeginTurn(time);
        return EndTurn(stop);
    }

    /// <summary>Gives it a turn.</summary>
    /// <exception cref="UsageException">It has ended.</exception>
    public void BeginTurn(TimeSpan time) => Begin(BenchWorker.Turn, time);

    /// <summary>Has it take steps until its code has settled. Only of one that has told in a turn whether it has.</summary>
    /// <exception cref="UsageException">It has ended.</exception>
    public void BeginSettling(TimeSpan most) => Begin(BenchWorker.Settle, most);

    private void Begin(string command, TimeSpan time)
    {
        try
        {
            _process.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{command}{(int)time.TotalMilliseconds}"
                )
            );
        }
        catch (FailureException e)
        {
            throw new UsageException($"no verdict: {e.Message}");
        }
    }

    /// <summary>What the turn gave that it has.</summary>
    /// <exception cref="UsageException">It crashed, hung or answered with no times.</exception>
    public WorkerTurn EndTurn(CancellationToken stop)
    {
        string answer;
        try
        {
            answer = _process.ReadLine(_patience, stop);
        }
        catch (FailureException e)
        {
            throw new UsageException($"no verdict: {e.Message}");
        }
        List<string> words = [.. answer.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        // An older one says nothing of it.
        bool? settled = words.LastOrDefault() switch
        {
            BenchWorker.Settled => true,
            BenchWorker.Unsettled => false,
            _ => null,
        };
        if (settled is not null)
            words.RemoveAt(words.Count - 1);
        return new WorkerTurn(
            [
                .. words
                    .Select(word => TurnTime.Parse(word))
                    .Select(time =>
                        time
                        ?? throw new UsageException(
                            $"no verdict: {_what} answered '{Layers.Printable.Shortened(answer)}', which are no times"
                        )
                    ),
            ],
            settled
        );
    }

    public void Dispose() => _process.Dispose();
}

/// <summary>What a worker tells of a turn.</summary>
/// <param name="Times">The step of each result.</param>
/// <param name="Settled">Whether its code is what it will stay, see <see cref="SettledCode"/>; null if it does not tell.</param>
internal readonly record struct WorkerTurn(IReadOnlyList<TurnTime> Times, bool? Settled);

/// <summary>What a step of a turn took.</summary>
/// <param name="Wall">Its median, ms.</param>
/// <param name="Processor">The mean of its processor time, ms; null where that is no measure of it.</param>
internal readonly record struct TurnTime(double Wall, double? Processor)
{
    /// <summary>Reads a worker's word; an older one tells no processor time.</summary>
    /// <returns>Null for what is no time: of a clock that stood still or went back, too.</returns>
    public static TurnTime? Parse(string word)
    {
        string[] parts = word.Split('/');
        double? wall = Time(parts[0]);
        double? processor = parts.Length == 2 ? Time(parts[1]) : null;
        return wall is null || parts.Length > 2 || (parts.Length == 2 && processor is null)
            ? null
            : new TurnTime(wall.Value, processor);
    }

    private static double? Time(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double time)
        && time > 0
        && double.IsFinite(time)
            ? time
            : null;
}
