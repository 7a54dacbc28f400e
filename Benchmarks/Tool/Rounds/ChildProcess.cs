using System.Diagnostics;
using Sequor.Layers;

namespace Sequor.Tool;

/// <summary>
/// A program that measures for this one, and is asked over its standard input and output. It never outlives its owner, and
/// whoever waits for it waits no longer than is said.
/// </summary>
internal sealed class ChildProcess : IDisposable
{
    private const int MostErrors = 20;

    private readonly Process _process;
    private readonly Queue<string> _errors = [];
    private readonly string _what;

    /// <param name="start">The program.</param>
    /// <param name="what">What messages call it.</param>
    /// <exception cref="FailureException">It cannot be started.</exception>
    public ChildProcess(ProcessStartInfo start, string what)
    {
        _what = what;
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        try
        {
            _process = Process.Start(start)!;
        }
        catch (Exception e)
            when (e
                    is System.ComponentModel.Win32Exception
                        or IOException
                        or InvalidOperationException
            )
        {
            throw new FailureException($"{what} cannot be started: {e.Message}", e);
        }
        _process.ErrorDataReceived += (_, line) => Note(line.Data);
        _process.BeginErrorReadLine();
    }

    /// <summary>All that it prints until it ends.</summary>
    /// <exception cref="FailureException">It failed or took too long.</exception>
    public string ReadToEnd(TimeSpan limit, CancellationToken stop)
    {
        string text = Within(limit, token => _process.StandardOutput.ReadToEndAsync(token), stop);
        _process.WaitForExit();
        return _process.ExitCode == 0 ? text : throw Failed();
    }

    /// <summary>The next line that it prints.</summary>
    /// <exception cref="FailureException">It ended or took too long.</exception>
    public string ReadLine(TimeSpan limit, CancellationToken stop) =>
        Within(limit, token => _process.StandardOutput.ReadLineAsync(token).AsTask(), stop)
        ?? throw Failed();

    /// <summary>Sends it a line.</summary>
    /// <exception cref="FailureException">It has ended.</exception>
    public void WriteLine(string text)
    {
        try
        {
            _process.StandardInput.WriteLine(text);
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            throw Failed();
        }
    }

    private T Within<T>(
        TimeSpan limit,
        Func<CancellationToken, Task<T>> read,
        CancellationToken stop
    )
    {
        using var source = CancellationTokenSource.CreateLinkedTokenSource(stop);
        source.CancelAfter(limit);
        try
        {
            return read(source.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw new FailureException(
                FormattableString.Invariant(
                    $"{_what} has not answered for {limit.TotalSeconds:0} s and was ended"
                )
            );
        }
    }

    private FailureException Failed()
    {
        // What it said last tells most, and comes after the end of its output.
        if (!_process.WaitForExit(TimeSpan.FromSeconds(5)))
            return new FailureException($"{_what} closed its output before it was asked to");
        _process.WaitForExit();
        string said;
        lock (_errors)
            said = _errors.LastOrDefault() ?? "it printed no reason";
        return new FailureException(
            FormattableString.Invariant(
                $"{_what} ended with exit code {_process.ExitCode}: {Printable.Shortened(said, 200)}"
            )
        );
    }

    private void Note(string? line)
    {
        if (string.IsNullOrWhiteSpace(line))
            return;
        lock (_errors)
        {
            _errors.Enqueue(line);
            if (_errors.Count > MostErrors)
                _errors.Dequeue();
        }
    }

    public void Dispose()
    {
        try
        {
            if (!_process.HasExited)
                _process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or NotSupportedException)
        {
            // It has ended meanwhile.
        }
        _process.Dispose();
    }
}
