using System.Globalization;
using System.Numerics;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>
/// A form of <c>mma</c>: which lane holds what, as the PTX ISA's section "Matrix Fragments for mma" tells it for each shape, and how one
/// product is run.
/// </summary>
/// <param name="Shape">Such as m16n8k8.</param>
/// <param name="Type">Of the factors.</param>
internal sealed record PtxMatrix(string Shape, string Type)
{
    public const int Rows = 16;
    public const int Columns = 8;

    public static readonly PtxMatrix[] All =
    [
        new("m16n8k4", "tf32"),
        new("m16n8k8", "tf32"),
        new("m16n8k8", "bf16"),
        new("m16n8k16", "bf16"),
        new("m16n8k8", "f16"),
        new("m16n8k16", "f16"),
    ];

    /// <summary>By what it is called in tests.</summary>
    public static PtxMatrix Of(string name) => All.Single(form => form.ToString() == name);

    public int Depth =>
        int.Parse(Shape.AsSpan(Shape.IndexOf('k') + 1), CultureInfo.InvariantCulture);

    public string Name => $"mma.sync.aligned.{Shape}.row.col.f32.{Type}.{Type}.f32";

    /// <summary>How factors are made; those of TF32 are the upper 19 bits of a register.</summary>
    public ExactFloat Format =>
        Type == "tf32" ? ExactFloat.Tf32
        : Type == "bf16" ? ExactFloat.BFloat
        : ExactFloat.Half;

    private int EachRegister => Type == "tf32" ? 1 : 2;

    private int RegistersOfA => Rows * Depth / 32 / EachRegister;

    private int RegistersOfB => Columns * Depth / 32 / EachRegister;

    public override string ToString() => $"{Shape}.{Type}";

    /// <summary>Row and column of a lane's i-th element of A.</summary>
    private (int Row, int Column) PlaceOfA(int lane, int i)
    {
        (int group, int thread) = (lane >> 2, lane % 4);
        return (Shape, Type) switch
        {
            ("m16n8k4", _) => (i == 0 ? group : group + 8, thread),
            ("m16n8k8", "tf32") => (
                i is 0 or 2 ? group : group + 8,
                i is 0 or 1 ? thread : thread + 4
            ),
            ("m16n8k8", _) => (i is 0 or 1 ? group : group + 8, thread * 2 + (i & 1)),
            _ => (
                i is (>= 0 and < 2) or (>= 4 and < 6) ? group : group + 8,
                i < 4 ? thread * 2 + (i & 1) : thread * 2 + (i & 1) + 8
            ),
        };
    }

    /// <summary>Row and column of a lane's i-th element of B.</summary>
    private (int Row, int Column) PlaceOfB(int lane, int i)
    {
        (int group, int thread) = (lane >> 2, lane % 4);
        int row = (Shape, Type) switch
        {
            ("m16n8k4", _) => thread,
            ("m16n8k8", "tf32") => i == 0 ? thread : thread + 4,
            ("m16n8k8", _) => thread * 2 + i,
            _ => i < 2 ? thread * 2 + (i & 1) : thread * 2 + (i & 1) + 8,
        };
        return (row, group);
    }

    private static (int Row, int Column) PlaceOfC(int lane, int i) =>
        (i < 2 ? lane >> 2 : (lane >> 2) + 8, lane % 4 * 2 + (i & 1));

    /// <summary>Runs one product on a warp.</summary>
    /// <param name="a">Factors' bits, row by row.</param>
    /// <param name="b">The same, row by row.</param>
    /// <param name="c">What is added to, row by row.</param>
    /// <param name="core">How.</param>
    public float[] Run(ulong[] a, ulong[] b, float[] c, PtxTensorCore core)
    {
        string ptx = $$"""
            .version 7.8
            .target sm_80
            .address_size 64
            .visible .entry k(.param .u64 d, .param .u64 a, .param .u64 b, .param .u64 c)
            {
                .reg .b64 %x<9>; .reg .b32 %r<9>, %a<4>, %b<2>; .reg .f32 %c<4>, %d<4>;
                mov.u32 %r0, %laneid;
                ld.param.u64 %x1, [a]; mad.wide.u32 %x1, %r0, {{4 * RegistersOfA}}, %x1;
                ld.param.u64 %x2, [b]; mad.wide.u32 %x2, %r0, {{4 * RegistersOfB}}, %x2;
                ld.param.u64 %x3, [c]; mad.wide.u32 %x3, %r0, 16, %x3;
                ld.param.u64 %x4, [d]; mad.wide.u32 %x4, %r0, 16, %x4;
                {{Lines(RegistersOfA, i => $"ld.global.b32 %a{i}, [%x1+{4 * i}];")}}
                {{Lines(RegistersOfB, i => $"ld.global.b32 %b{i}, [%x2+{4 * i}];")}}
                ld.global.v4.f32 {%c0, %c1, %c2, %c3}, [%x3];
                {{Name}} {%d0, %d1, %d2, %d3}, {{{List("%a", RegistersOfA)}}}, {{{List(
                "%b",
                RegistersOfB
            )}}}, {%c0, %c1, %c2, %c3};
                st.global.v4.f32 [%x4], {%d0, %d1, %d2, %d3};
                ret;
            }
            """;
        using var heap = new PtxHeap();
        ulong d = heap.Zeros<float>(128);
        float[] fragments = new float[128];
        for (int i = 0; i < 128; i++)
            fragments[i] = At(c, Columns, PlaceOfC(i / 4, i % 4));
        PtxModule
            .Parse(ptx)
            .Run(
                "k",
                heap,
                1,
                32,
                3,
                launch => launch with { TensorCore = core },
                d,
                heap.Put<uint>(Packed(RegistersOfA, (l, i) => At(a, Depth, PlaceOfA(l, i)))),
                heap.Put<uint>(Packed(RegistersOfB, (l, i) => At(b, Columns, PlaceOfB(l, i)))),
                heap.Put<float>(fragments)
            );
        float[] got = heap.Get<float>(d, 128);
        float[] result = new float[128];
        for (int i = 0; i < 128; i++)
        {
            (int row, int column) = PlaceOfC(i / 4, i % 4);
            result[row * Columns + column] = got[i];
        }
        return result;
    }

    private static T At<T>(T[] matrix, int columns, (int Row, int Column) place) =>
        matrix[place.Row * columns + place.Column];

    private uint[] Packed(int registers, Func<int, int, ulong> element)
    {
        uint[] words = new uint[32 * registers];
        for (int word = 0; word < words.Length; word++)
        {
            (int lane, int i) = (word / registers, word % registers);
            words[word] =
                EachRegister == 1
                    ? (uint)(element(lane, i) << 13)
                    : (uint)(element(lane, 2 * i) | element(lane, 2 * i + 1) << 16);
        }
        return words;
    }

    /// <summary>The terms of a result, exactly: C's element, then the products in order.</summary>
    public PtxTerm[] Terms(ulong[] a, ulong[] b, float[] c, int row, int column) =>
        [
            PtxTerm.Of(BitConverter.SingleToUInt32Bits(c[row * Columns + column])),
            .. Enumerable
                .Range(0, Depth)
                .Select(k =>
                {
                    (BigInteger m, int me) = Format.Value(a[row * Depth + k]);
                    (BigInteger n, int ne) = Format.Value(b[k * Columns + column]);
                    return new PtxTerm(m * n, me + ne, PtxTerm.Size(m, me) + PtxTerm.Size(n, ne));
                }),
        ];

    private static string Lines(int count, Func<int, string> line) =>
        string.Join('\n', Enumerable.Range(0, count).Select(line));

    private static string List(string stem, int count) =>
        string.Join(", ", Enumerable.Range(0, count).Select(i => $"{stem}{i}"));
}
