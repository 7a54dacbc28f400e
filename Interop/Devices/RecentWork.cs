using System.Globalization;
using System.Text;

namespace Sequor.Interop;

/// <summary>
/// The names of the kernels and library calls that were queued last, with their streams. A fault on the device is reported only by a later
/// call, and the driver does not say which work failed, so error messages list the candidates. May be used from any thread; it allocates
/// only for the text.
/// </summary>
internal sealed class RecentWork
{
    private const int Room = 64;

    private readonly Lock _gate = new();
    private readonly (string? Name, nint Stream)[] _work = new (string?, nint)[Room];
    private long _count;

    public void Add(string name, nint stream)
    {
        lock (_gate)
            _work[_count++ % Room] = (name, stream);
    }

    /// <summary>Removes the work of a stream, as a wait has shown that it succeeded.</summary>
    public void Forget(nint stream)
    {
        lock (_gate)
        {
            foreach (ref (string? Name, nint Stream) work in _work.AsSpan())
            {
                if (work.Stream == stream)
                    work.Name = null;
            }
        }
    }

    /// <summary>Removes all work, as a wait for the context has shown that it succeeded.</summary>
    public void Forget()
    {
        lock (_gate)
            Array.Clear(_work);
    }

    /// <summary>Marks where the next work will stand, for <see cref="Take"/>.</summary>
    public long Mark()
    {
        lock (_gate)
            return _count;
    }

    /// <summary>Names the work since a mark and removes it: it was captured and has not run.</summary>
    public string Take(long mark)
    {
        lock (_gate)
        {
            string text = Text(mark);
            for (long i = Math.Max(mark, _count - Room); i < _count; i++)
                _work[i % Room].Name = null;
            return text;
        }
    }

    /// <summary>The names, latest last; empty if there are none.</summary>
    public override string ToString() => Text(0);

    private string Text(long mark)
    {
        lock (_gate)
        {
            var text = new StringBuilder();
            string? last = null;
            int times = 0;
            for (long i = Math.Max(mark, _count - Room); i < _count; i++)
            {
                string? name = _work[i % Room].Name;
                if (name is null)
                    continue;
                if (name != last)
                {
                    Append();
                    (last, times) = (name, 0);
                }
                times++;
            }
            Append();
            return text.ToString();

            void Append()
            {
                if (last is null)
                    return;
                if (text.Length > 0)
                    text.Append(", ");
                text.Append(last);
                if (times > 1)
                    text.Append(CultureInfo.InvariantCulture, $" x {times}");
            }
        }
    }
}
