using NUnit.Framework;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>
/// Every instruction of Sequor's kernels, with its modifiers and types, as the virtual GPU executes it, on about a
/// thousand operands each: against arithmetic of whole numbers without bounds. There are no tolerances.
/// </summary>
[TestFixture]
public sealed class PtxExactTests
{
    private const int Count = 1024;

    // Forms beside those of the kernels, which a later clang may write.
    private static readonly string[] s_more =
    [
        "add.f32",
        "add.ftz.f32",
        "add.rn.ftz.sat.f32",
        "add.sat.f32",
        "add.u16",
        "sub.ftz.f32",
        "sub.sat.f32",
        "mul.ftz.f32",
        "mul.sat.f32",
        "fma.rn.ftz.f32",
        "fma.rn.sat.f32",
        "fma.rn.ftz.sat.f32",
        "div.rn.ftz.f32",
        "rcp.rn.ftz.f32",
        "sqrt.rn.ftz.f32",
        "min.f32",
        "max.f32",
        "min.ftz.f32",
        "max.NaN.f32",
        "min.NaN.ftz.f32",
        "min.f64",
        "max.f64",
        "abs.ftz.f32",
        "abs.f64",
        "neg.ftz.f32",
        "copysign.f32",
        "copysign.f64",
        "mul.lo.s16",
        "mul.lo.u64",
        "mul.hi.s32",
        "mul.hi.u32",
        "mul.hi.s64",
        "mul.hi.u64",
        "mul.wide.s16",
        "mul.wide.u16",
        "mad.hi.s32",
        "mad.wide.s32",
        "mad.wide.u32",
        "div.s16",
        "div.u16",
        "div.u64",
        "rem.s16",
        "rem.s32",
        "rem.u64",
        "min.u16",
        "min.u32",
        "max.u64",
        "abs.s16",
        "abs.s32",
        "abs.s64",
        "neg.s16",
        "xor.pred",
        "and.b16",
        "not.b16",
        "shl.b16",
        "shr.s16",
        "shr.u16",
        "shr.b32",
        "popc.b64",
        "clz.b32",
        "clz.b64",
        "brev.b32",
        "brev.b64",
        "setp.lo.u32",
        "setp.ls.u64",
        "setp.hi.u16",
        "setp.hs.u32",
        "setp.lt.s16",
        "setp.equ.f32",
        "setp.gtu.f32",
        "setp.ge.ftz.f32",
        "setp.lt.and.s32",
        "setp.ltu.or.f32",
        "setp.nan.xor.f32",
        "setp.eq.f64",
        "cvt.rn.f16.f32",
        "cvt.f32.f16",
        "cvt.rz.f16.f32",
        "cvt.rz.ftz.f16.f32",
        "cvt.rn.relu.f16.f32",
        "cvt.rz.relu.f16.f32",
        "cvt.f32.bf16",
        "cvt.rn.bf16.f32",
        "cvt.rz.bf16.f32",
        "cvt.rn.relu.bf16.f32",
        "cvt.rz.relu.bf16.f32",
        "cvt.rna.tf32.f32",
        "cvt.rn.tf32.f32",
        "cvt.rz.tf32.f32",
        "cvt.rn.f16x2.f32",
        "cvt.rz.f16x2.f32",
        "cvt.rn.relu.f16x2.f32",
        "cvt.rz.relu.f16x2.f32",
        "cvt.rn.bf16x2.f32",
        "cvt.rz.bf16x2.f32",
        "cvt.rn.relu.bf16x2.f32",
        "cvt.rz.relu.bf16x2.f32",
        "cvt.rn.ftz.f32.f64",
        "cvt.ftz.f64.f32",
        "cvt.sat.f32.f32",
        "cvt.rni.ftz.sat.f32.f32",
        "cvt.rmi.f32.f32",
        "cvt.rpi.f64.f64",
        "cvt.rzi.f64.f64",
        "cvt.rn.f32.u64",
        "cvt.rn.f64.u64",
        "cvt.rn.f32.u32",
        "cvt.rn.f32.s8",
        "cvt.rn.f32.u16",
        "cvt.u8.s32",
        "cvt.s8.s64",
        "cvt.s32.s8",
        "cvt.u16.u64",
        "cvt.s64.u16",
        .. from rounding in (string[])["rni", "rzi", "rmi", "rpi"]
        from to in (string[])["s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64"]
        from of in (string[])["f32", "f64"]
        select $"cvt.{rounding}.{to}.{of}",
        "cvt.rzi.ftz.s32.f32",
    ];

    private static readonly string[] Computed =
    [
        .. PtxKernels.Used.Concat(s_more).Distinct().Where(n => PtxReference.Of(n) is not null),
    ];

    // What no reference computes is moved, waited for or branched to: PtxExactMemoryTests has it.
    [Test]
    public void Of_kernels_are_all_tested() =>
        Assert.That(
            PtxKernels.Used.Where(n =>
                PtxReference.Of(n) is null && !PtxExactMemoryTests.Covers(n)
            ),
            Is.Empty,
            "no test computes what these give"
        );

    [Test]
    public void Are_those_that_are_meant()
    {
        Assert.That(s_more.Where(n => PtxReference.Of(n) is null), Is.Empty);
        Assert.That(PtxReference.Of("fma.rz.f16x2"), Is.Null);
        Assert.That(PtxReference.Of("ex2.approx.f32"), Is.Null);
        Assert.That(PtxKernels.Used, Has.Length.GreaterThan(120));
    }

    [TestCaseSource(nameof(Computed))]
    public void Give_what_exact_arithmetic_gives(string name)
    {
        PtxReference reference = PtxReference.Of(name)!;
        ulong[][] operands =
        [
            .. reference.Operands.Select((type, place) => ExactValues.Of(type, Count, place)),
        ];
        if (name.Split('.')[0] is "div" or "rem" && reference.Result[0] != 'f')
            operands[1] = [.. operands[1].Select(v => v == 0 ? 3 : v)];
        ulong[] results = Run(name, reference, operands);
        ExactFloat? format = PtxReference.FormatOf(reference.Result);
        bool anyNaN = name.Split('.')[0] is not ("mov" or "selp");
        var wrong = new List<string>();
        for (int i = 0; i < Count; i++)
        {
            ulong[] given = [.. operands.Select(o => o[i])];
            ulong expected = reference.Apply(given);
            bool right =
                results[i] == expected
                || (
                    anyNaN
                    && format is not null
                    && format.IsNaN(expected)
                    && format.IsNaN(results[i])
                );
            if (!right)
                wrong.Add(
                    $"{string.Join(", ", given.Select(g => $"{g:X}"))}: {results[i]:X} and not {expected:X}"
                );
        }
        Assert.That(wrong, Is.Empty);
    }

    /// <summary>What an instruction gives on the virtual GPU, each thread with its own operands.</summary>
    internal static ulong[] Run(string name, PtxReference reference, ulong[][] operands)
    {
        string load = string.Concat(
            reference.Operands.Select(
                (type, i) =>
                    $"ld.param.u64 %x1, [p{i}]; add.s64 %x1, %x1, %x0; ld.global.b64 %x2, [%x1];\n"
                    + PtxBits.FromBits(type, "%x2", $"%o{i}")
            )
        );
        PtxModule module = PtxModule.Parse(
            $$"""
            .version 7.8
            .target sm_90
            .address_size 64
            .visible .entry k(.param .u64 y, {{string.Join(
                ", ",
                operands.Select((_, i) => $".param .u64 p{i}")
            )}})
            {
                .reg .b64 %x<9>;
                .reg .b32 %r<9>;
                .reg .b16 %h<9>;
                {{PtxBits.Register(reference.Result, "%result")}}
                {{string.Concat(
                reference.Operands.Select((type, i) => PtxBits.Register(type, $"%o{i}"))
            )}}
                mov.u32 %r0, %tid.x;
                mov.u32 %r1, %ctaid.x;
                mad.lo.s32 %r0, %r1, 256, %r0;
                mul.wide.u32 %x0, %r0, 8;
                {{load}}
                {{name}} %result, {{string.Join(", ", operands.Select((_, i) => $"%o{i}"))}};
                {{PtxBits.ToBits(reference.Result, "%result", "%x3")}}
                ld.param.u64 %x4, [y];
                add.s64 %x4, %x4, %x0;
                st.global.b64 [%x4], %x3;
                ret;
            }
            """
        );
        using var heap = new PtxHeap();
        ulong y = heap.Zeros<ulong>(Count);
        object[] arguments = [y, .. operands.Select(o => (object)heap.Put<ulong>(o))];
        module.Run("k", heap, Count / 256, 256, 1, arguments);
        return heap.Get<ulong>(y, Count);
    }
}
