using System.Text;
using Sequor.Layers;

namespace Sequor.Tool;

/// <summary>
/// Standard output and error as text that never stops the work: hours of it must not be lost because a terminal is gone or a
/// disk is full. Where one is closed, its number may have become a file of the runtime, which nothing is written to.
/// </summary>
internal static class StandardStreams
{
    private static Text? _output;

    /// <summary>Whether standard output is a terminal; not before <see cref="Open"/>, as within another program.</summary>
    public static bool OutputIsTerminal { get; private set; }

    /// <summary>The same of standard error.</summary>
    public static bool ErrorIsTerminal { get; private set; }

    /// <summary>What kept text from standard output, if anything did; a reader that had enough is no failure.</summary>
    public static IOException? Failure => _output?.Failure;

    /// <summary>Puts them in place of the console's own.</summary>
    public static void Open()
    {
        _output = new Text(FileCalls.System.IsGiven(1) ? Console.Out : TextWriter.Null);
        Console.SetOut(_output);
        Console.SetError(new Text(FileCalls.System.IsGiven(2) ? Console.Error : TextWriter.Null));
        OutputIsTerminal = FileCalls.System.IsGiven(1) && !Console.IsOutputRedirected;
        ErrorIsTerminal = FileCalls.System.IsGiven(2) && !Console.IsErrorRedirected;
    }

    /// <summary>Takes the streams for terminals or not, whatever they are, until the result is disposed.</summary>
    internal static IDisposable StandIn(bool outputIsTerminal, bool errorIsTerminal)
    {
        var before = new Before(OutputIsTerminal, ErrorIsTerminal);
        (OutputIsTerminal, ErrorIsTerminal) = (outputIsTerminal, errorIsTerminal);
        return before;
    }

    private sealed class Before(bool output, bool error) : IDisposable
    {
        public void Dispose() => (OutputIsTerminal, ErrorIsTerminal) = (output, error);
    }

    private sealed class Text(TextWriter inner) : TextWriter
    {
        public IOException? Failure { get; private set; }

        public override Encoding Encoding => inner.Encoding;

        public override void Write(char value) => Try(value, static (to, text) => to.Write(text));

        public override void Write(char[] buffer, int index, int count) =>
            Write(new string(buffer, index, count));

        public override void Write(string? value) =>
            Try(value, static (to, text) => to.Write(text));

        public override void WriteLine(string? value) =>
            Try(value, static (to, text) => to.WriteLine(text));

        public override void Flush() => Try(0, static (to, _) => to.Flush());

        private void Try<T>(T value, Action<TextWriter, T> write)
        {
            if (Failure is not null)
                return;
            try
            {
                write(inner, value);
            }
            catch (IOException e)
            {
                Failure = e;
            }
        }
    }
}
