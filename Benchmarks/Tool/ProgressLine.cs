using System.Diagnostics;
using Sequor.Layers;

namespace Sequor.Tool;

/// <summary>
/// A line on standard error that is written over as work goes on; nothing where that is no terminal. Where results go does not
/// matter. It needs no thread of its own, which would disturb what is measured.
/// </summary>
internal sealed class ProgressLine(Screen screen) : IDisposable
{
    private const int BarWidth = 24;
    private const int UsualWidth = 80;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly Stopwatch _sinceLast = new();
    private int _written;

    /// <summary>Shows a bar and a text; calls that follow each other too fast are left out.</summary>
    public void Show(double done, Func<string> text)
    {
        if (!screen.ShowsProgress || (_sinceLast.IsRunning && _sinceLast.Elapsed < Interval))
            return;
        _sinceLast.Restart();
        int full = (int)(BarWidth * Math.Clamp(done, 0, 1));
        Write($"[{new string('=', full)}{new string(' ', BarWidth - full)}] {text()}");
    }

    private void Write(string line)
    {
        line = Printable.Of(line);
        int room = Math.Max(Width - 1, 1);
        if (line.Length > room)
            line = line[..room];
        Console.Error.Write("\r" + line.PadRight(_written));
        _written = line.Length;
    }

    // Of the terminal that standard error is; a line that wraps could not be written over.
    private static int Width
    {
        get
        {
            try
            {
                return Console.WindowWidth is > 0 and var width ? width : UsualWidth;
            }
            catch (Exception e) when (e is IOException or PlatformNotSupportedException)
            {
                return UsualWidth;
            }
        }
    }

    /// <summary>Wipes the line.</summary>
    public void Clear()
    {
        if (_written == 0)
            return;
        Console.Error.Write("\r" + new string(' ', _written) + "\r");
        _written = 0;
        _sinceLast.Reset();
    }

    public void Dispose() => Clear();
}
