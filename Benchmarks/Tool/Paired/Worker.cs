using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Sequor.Tool;

/// <summary>One of the processes that take turns, seen from the program that gives them.</summary>
internal sealed class Worker : IDisposable
{
    private readonly ChildProcess _process;
    private readonly string _what;
    private readonly TimeSpan _patience;

    /// <summary>Starts it and waits for its first line.</summary>
    /// <param name="start">The program.</param>
    /// <param name="side">BASE or HEAD.</param>
    /// <param name="patience">How long it may take to answer.</param>
    /// <param name="stop">Ends the waiting.</param>
    /// <exception cref="UsageException">It is no sequor that can take turns.</exception>
    public Worker(ProcessStartInfo start, string side, TimeSpan patience, CancellationToken stop)
    {
        _what = $"{side} ('{start.FileName}')";
        _patience = patience;
        try
        {
            _process = new ChildProcess(start, _what);
        }
        catch (FailureException e)
        {
            throw new UsageException(e.Message);
        }
        try
        {
            string hello = _process.ReadLine(patience, stop);
            Figures = FigureSet.Of(side, start.FileName, Encoding.UTF8.GetBytes(hello));
        }
        catch (Exception e) when (e is FailureException or UsageException)
        {
            _process.Dispose();
            throw new UsageException(
                $"{_what} is no sequor that --paired can measure, or an older one: {e.Message}"
            );
        }
        catch
        {
            _process.Dispose();
            throw;
        }
    }

    /// <summary>What it told of itself.</summary>
    public FigureSet Figures { get; }

    /// <summary>Gives it a turn.</summary>
    /// <returns>The median step of each result, ms.</returns>
    /// <exception cref="UsageException">It crashed, hung or answered with no times.</exception>
    public double[] Turn(TimeSpan time, CancellationToken stop)
    {
        string answer;
        try
        {
            _process.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{BenchWorker.Turn}{(int)time.TotalMilliseconds}"
                )
            );
            answer = _process.ReadLine(_patience, stop);
        }
        catch (FailureException e)
        {
            throw new UsageException($"no verdict: {e.Message}");
        }
        string[] words = answer.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        double[] times = new double[words.Length];
        for (int i = 0; i < times.Length; i++)
        {
            // A clock that stood still or went back has measured nothing.
            if (
                !double.TryParse(
                    words[i],
                    NumberStyles.Float,
                    CultureInfo.InvariantCulture,
                    out times[i]
                ) || !(times[i] > 0 && double.IsFinite(times[i]))
            )
                throw new UsageException(
                    $"no verdict: {_what} answered '{Layers.Printable.Shortened(answer)}', which are no times"
                );
        }
        return times;
    }

    public void Dispose() => _process.Dispose();
}
