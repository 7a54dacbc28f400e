namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>PTX that makes registers of any type from bits, and bits from them, by moves alone.</summary>
internal static class PtxBits
{
    /// <summary>Declares a register that holds a type. Bytes lie in 16 bits.</summary>
    public static string Register(string type, string name) =>
        PtxReference.BitsOf(type) switch
        {
            1 => $".reg .pred {name};\n",
            8 or 16 => $".reg .b16 {name};\n",
            32 when type is "tf32" or "bf16x2" or "f16x2" => $".reg .b32 {name};\n",
            _ => $".reg .{type} {name};\n",
        };

    /// <summary>The lower bits of a register of 64, as a type.</summary>
    public static string FromBits(string type, string from, string to) =>
        PtxReference.BitsOf(type) switch
        {
            1 => $"setp.ne.b64 {to}, {from}, 0;\n",
            8 or 16 => $"mov.b64 {{{to}, %h6, %h7, %h8}}, {from};\n",
            32 => $"mov.b64 {{{to}, %r8}}, {from};\n",
            _ => $"mov.b64 {to}, {from};\n",
        };

    /// <summary>A register's bits, with zeros above.</summary>
    public static string ToBits(string type, string from, string to) =>
        PtxReference.BitsOf(type) switch
        {
            1 => $"selp.b64 {to}, 1, 0, {from};\n",
            8 =>
                $"mov.b16 %h8, 0; mov.b64 {to}, {{{from}, %h8, %h8, %h8}}; and.b64 {to}, {to}, 255;\n",
            16 => $"mov.b16 %h8, 0; mov.b64 {to}, {{{from}, %h8, %h8, %h8}};\n",
            32 => $"mov.b32 %r8, 0; mov.b64 {to}, {{{from}, %r8}};\n",
            _ => $"mov.b64 {to}, {from};\n",
        };
}
