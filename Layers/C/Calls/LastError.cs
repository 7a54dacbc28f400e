using System.Runtime.InteropServices;
using System.Text;

namespace Sequor.C;

/// <summary>
/// The text of a thread's last error, as UTF-8 with a zero behind it. It belongs to the thread, stays where it is until the thread's next
/// call, and goes with the thread.
/// </summary>
internal static unsafe class LastError
{
    private static readonly byte* None = Literal("");

    [ThreadStatic]
    private static byte[]? _held;

    [ThreadStatic]
    private static byte* _text;

    /// <summary>The text; empty where the last call was not refused. Never null.</summary>
    public static byte* Text => _text is null ? None : _text;

    /// <summary>Forgets the text.</summary>
    public static void Clear() => _text = null;

    /// <summary>Sets the text.</summary>
    public static void Set(string text)
    {
        byte[] held = GC.AllocateUninitializedArray<byte>(
            Encoding.UTF8.GetMaxByteCount(text.Length) + 1,
            pinned: true
        );
        held[Encoding.UTF8.GetBytes(text, held)] = 0;
        _held = held;
        _text = (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(held, 0);
    }

    /// <summary>Sets a text that is there already, which allocates nothing.</summary>
    public static void Set(byte* literal) => _text = literal;

    /// <summary>A text that is never freed.</summary>
    public static byte* Literal(string text) => (byte*)Marshal.StringToCoTaskMemUTF8(text);
}
