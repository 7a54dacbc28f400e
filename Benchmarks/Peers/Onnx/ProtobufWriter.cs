using System.Buffers;
using System.Text;

namespace Sequor.Peers;

/// <summary>Writes the wire format of protocol buffers: fields with a number, one after the other.</summary>
internal sealed class ProtobufWriter
{
    private const int Variable = 0;
    private const int Delimited = 2;

    private readonly ArrayBufferWriter<byte> _bytes = new();

    public ReadOnlySpan<byte> Written => _bytes.WrittenSpan;

    public void Whole(int field, long value)
    {
        Tag(field, Variable);
        Varint((ulong)value);
    }

    public void Bytes(int field, ReadOnlySpan<byte> bytes)
    {
        Tag(field, Delimited);
        Varint((ulong)bytes.Length);
        _bytes.Write(bytes);
    }

    public void Text(int field, string text) => Bytes(field, Encoding.UTF8.GetBytes(text));

    public void Message(int field, Action<ProtobufWriter> write)
    {
        var message = new ProtobufWriter();
        write(message);
        Bytes(field, message.Written);
    }

    private void Tag(int field, int type) => Varint(((ulong)field << 3) | (uint)type);

    // Seven bits a byte, the lowest first; the eighth says that more follow.
    private void Varint(ulong value)
    {
        for (; value > 0x7F; value >>= 7)
            Byte((byte)(value | 0x80));
        Byte((byte)value);
    }

    private void Byte(byte value) => _bytes.Write([value]);
}
