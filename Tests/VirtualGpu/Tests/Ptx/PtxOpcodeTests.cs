using System.Globalization;
using NUnit.Framework;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>Single instructions, against what the PTX ISA says that they give.</summary>
[TestFixture]
public sealed class PtxOpcodeTests
{
    private const string Infinity = "7F800000";
    private const string NaN = "7FC00000";

    /// <summary>Runs code with %a, %b and %c of 64 bits (%ra of 32, %fa, %da) given; its result is in %out.</summary>
    private static ulong Run(string code, ulong a = 0, ulong b = 0, ulong c = 0)
    {
        PtxModule module = PtxModule.Parse(
            $$"""
            .version 7.8
            .target sm_80
            .address_size 64
            .visible .entry k(.param .u64 y, .param .u64 pa, .param .u64 pb, .param .u64 pc)
            {
                .reg .b64 %y, %a, %b, %c, %out, %x<9>;
                .reg .b32 %ra, %rb, %rc, %rout, %r<9>;
                .reg .b16 %ha, %hb, %hc, %hout, %h<9>;
                .reg .f32 %fa, %fb, %fc, %fout, %f<9>;
                .reg .f64 %da, %db, %dc, %dout, %d<9>;
                .reg .pred %p<9>;
                ld.param.u64 %y, [y];
                ld.param.u64 %a, [pa];
                ld.param.u64 %b, [pb];
                ld.param.u64 %c, [pc];
                cvt.u32.u64 %ra, %a;
                cvt.u32.u64 %rb, %b;
                cvt.u32.u64 %rc, %c;
                cvt.u16.u64 %ha, %a;
                cvt.u16.u64 %hb, %b;
                cvt.u16.u64 %hc, %c;
                mov.b32 %fa, %ra;
                mov.b32 %fb, %rb;
                mov.b32 %fc, %rc;
                mov.b64 %da, %a;
                mov.b64 %db, %b;
                mov.b64 %dc, %c;
                mov.b64 %out, 0;
                mov.b32 %rout, 0;
                mov.b16 %hout, 0;
                {{code}}
                st.global.u64 [%y], %out;
                ret;
            }
            """
        );
        using var heap = new PtxHeap();
        ulong y = heap.Zeros<ulong>(1);
        module.Run("k", heap, 1, 1, 1, y, a, b, c);
        return heap.Get<ulong>(y, 1)[0];
    }

    private static ulong Hex(string text) =>
        ulong.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    // a, b, c and the result are hexadecimal; the result is in %rout.
    [TestCase("add.s32 %rout, %ra, %rb;", "FFFFFFFF", "2", "0", "1")]
    [TestCase("sub.s32 %rout, %ra, 5;", "3", "0", "0", "FFFFFFFE")]
    [TestCase("mul.lo.s32 %rout, %ra, %rb;", "10001", "10003", "0", "40003")]
    [TestCase("mul.hi.u32 %rout, %ra, %rb;", "FFFFFFFF", "FFFFFFFF", "0", "FFFFFFFE")]
    [TestCase("mul.hi.s32 %rout, %ra, %rb;", "FFFFFFFF", "3", "0", "FFFFFFFF")]
    [TestCase("mad.lo.s32 %rout, %ra, %rb, %rc;", "3", "5", "FFFFFFFF", "E")]
    [TestCase("mad.hi.u32 %rout, %ra, %rb, %rc;", "80000000", "6", "1", "4")]
    [TestCase("div.s32 %rout, %ra, %rb;", "FFFFFFF9", "2", "0", "FFFFFFFD")]
    [TestCase("div.s32 %rout, %ra, %rb;", "80000000", "FFFFFFFF", "0", "80000000")]
    [TestCase("div.u32 %rout, %ra, %rb;", "FFFFFFF9", "2", "0", "7FFFFFFC")]
    [TestCase("rem.s32 %rout, %ra, %rb;", "FFFFFFF9", "2", "0", "FFFFFFFF")]
    [TestCase("rem.s32 %rout, %ra, %rb;", "80000000", "FFFFFFFF", "0", "0")]
    [TestCase("rem.u32 %rout, %ra, %rb;", "FFFFFFF9", "A", "0", "9")]
    [TestCase("min.s32 %rout, %ra, %rb;", "FFFFFFFF", "1", "0", "FFFFFFFF")]
    [TestCase("min.u32 %rout, %ra, %rb;", "FFFFFFFF", "1", "0", "1")]
    [TestCase("max.s32 %rout, %ra, %rb;", "FFFFFFFF", "1", "0", "1")]
    [TestCase("max.u32 %rout, %ra, %rb;", "FFFFFFFF", "1", "0", "FFFFFFFF")]
    [TestCase("abs.s32 %rout, %ra;", "FFFFFFF9", "0", "0", "7")]
    [TestCase("neg.s32 %rout, %ra;", "7", "0", "0", "FFFFFFF9")]
    [TestCase("and.b32 %rout, %ra, %rb;", "C", "A", "0", "8")]
    [TestCase("or.b32 %rout, %ra, %rb;", "C", "A", "0", "E")]
    [TestCase("xor.b32 %rout, %ra, %rb;", "C", "A", "0", "6")]
    [TestCase("not.b32 %rout, %ra;", "C", "0", "0", "FFFFFFF3")]
    [TestCase("shl.b32 %rout, %ra, %rb;", "3", "1F", "0", "80000000")]
    [TestCase("shl.b32 %rout, %ra, %rb;", "3", "20", "0", "0")]
    [TestCase("shr.u32 %rout, %ra, %rb;", "80000000", "1F", "0", "1")]
    [TestCase("shr.u32 %rout, %ra, %rb;", "80000000", "20", "0", "0")]
    [TestCase("shr.s32 %rout, %ra, %rb;", "80000000", "40", "0", "FFFFFFFF")]
    [TestCase("shf.l.wrap.b32 %rout, %ra, %rb, %rc;", "80000001", "1", "21", "3")]
    [TestCase("shf.l.clamp.b32 %rout, %ra, %rb, %rc;", "5", "7", "40", "5")]
    [TestCase("shf.r.wrap.b32 %rout, %ra, %rb, %rc;", "80000001", "1", "1", "C0000000")]
    [TestCase("shf.r.clamp.b32 %rout, %ra, %rb, %rc;", "5", "7", "40", "7")]
    [TestCase("prmt.b32 %rout, %ra, %rb, %rc;", "44332211", "88776655", "7531", "88664422")]
    [TestCase("prmt.b32 %rout, %ra, %rb, %rc;", "44332211", "88776655", "F80A", "FF001100")]
    [TestCase("bfe.u32 %rout, %ra, %rb, %rc;", "ABCD1234", "8", "8", "12")]
    [TestCase("bfe.s32 %rout, %ra, %rb, %rc;", "ABCD8234", "8", "8", "FFFFFF82")]
    [TestCase("bfe.s32 %rout, %ra, %rb, %rc;", "80000000", "1C", "8", "FFFFFFF8")]
    [TestCase("bfe.s32 %rout, %ra, %rb, %rc;", "80000000", "0", "0", "0")]
    [TestCase("bfi.b32 %rout, %ra, %rb, 8, 8;", "FF12", "ABCD5678", "0", "ABCD1278")]
    [TestCase("popc.b32 %rout, %ra;", "F0F0", "0", "0", "8")]
    [TestCase("popc.b64 %rout, %a;", "F0F0000000000001", "0", "0", "9")]
    [TestCase("clz.b32 %rout, %ra;", "FF", "0", "0", "18")]
    [TestCase("clz.b64 %rout, %a;", "0", "0", "0", "40")]
    [TestCase("brev.b32 %rout, %ra;", "1", "0", "0", "80000000")]
    [TestCase("selp.b32 %rout, %ra, %rb, %p0;", "1", "2", "0", "2")]
    [TestCase("setp.eq.s32 %p1, %ra, %ra; selp.b32 %rout, %ra, %rb, %p1;", "1", "2", "0", "1")]
    [TestCase("slct.b32.s32 %rout, %ra, %rb, %rc;", "1", "2", "FFFFFFFF", "2")]
    [TestCase("slct.b32.s32 %rout, %ra, %rb, %rc;", "1", "2", "0", "1")]
    [TestCase("mov.b32 %rout, {%ha, %hb};", "1234", "5678", "0", "56781234")]
    [TestCase("mov.b32 {%h0, %h1}, %ra; cvt.u32.u16 %rout, %h1;", "12345678", "0", "0", "1234")]
    [TestCase("mul.wide.s16 %rout, %ha, %hb;", "FFFF", "2", "0", "FFFFFFFE")]
    [TestCase("mul.wide.u16 %rout, %ha, %hb;", "FFFF", "2", "0", "1FFFE")]
    [TestCase("add.s16 %h0, %ha, %hb; cvt.s32.s16 %rout, %h0;", "7FFF", "1", "0", "FFFF8000")]
    [TestCase("shl.b16 %h0, %ha, 4; cvt.u32.u16 %rout, %h0;", "FFFF", "0", "0", "FFF0")]
    [TestCase("shr.s16 %h0, %ha, 4; cvt.u32.u16 %rout, %h0;", "8000", "0", "0", "F800")]
    [TestCase("cvt.s32.s8 %rout, %ra;", "1FF", "0", "0", "FFFFFFFF")]
    [TestCase("cvt.u32.u8 %rout, %ra;", "1FF", "0", "0", "FF")]
    [TestCase("cvt.rzi.s32.f32 %rout, %fa;", "C0200000", "0", "0", "FFFFFFFE")] // -2.5
    [TestCase("cvt.rni.s32.f32 %rout, %fa;", "40200000", "0", "0", "2")] // 2.5
    [TestCase("cvt.rmi.s32.f32 %rout, %fa;", "C0200000", "0", "0", "FFFFFFFD")]
    [TestCase("cvt.rpi.s32.f32 %rout, %fa;", "40200000", "0", "0", "3")]
    [TestCase("cvt.rzi.s32.f32 %rout, %fa;", "4F800000", "0", "0", "7FFFFFFF")] // 2^32
    [TestCase("cvt.rzi.s32.f32 %rout, %fa;", "CF800000", "0", "0", "80000000")]
    [TestCase("cvt.rzi.u32.f32 %rout, %fa;", "C0200000", "0", "0", "0")]
    [TestCase("cvt.rzi.u32.f32 %rout, %fa;", "4F800000", "0", "0", "FFFFFFFF")]
    [TestCase("cvt.rzi.s32.f32 %rout, %fa;", NaN, "0", "0", "0")]
    [TestCase("cvt.rzi.s32.f64 %rout, %da;", "C004000000000000", "0", "0", "FFFFFFFE")]
    [TestCase("mov.u32 %rout, %laneid;", "0", "0", "0", "0")]
    [TestCase("mov.u32 %rout, %ntid.x;", "0", "0", "0", "1")]
    [TestCase("mov.u32 %rout, %lanemask_ge;", "0", "0", "0", "FFFFFFFF")]
    [TestCase("activemask.b32 %rout;", "0", "0", "0", "1")]
    [TestCase(
        "{ .reg .pred p; setp.ne.s32 p, %ra, 0; selp.s32 %rout, 1, 2, p; }",
        "5",
        "0",
        "0",
        "1"
    )]
    [TestCase(
        "bra.uni $over; mov.b32 %rout, 9; $over: add.s32 %rout, %rout, 1;",
        "0",
        "0",
        "0",
        "1"
    )]
    [TestCase(
        "setp.eq.s32 %p1, %ra, 0; @%p1 mov.b32 %rout, 9; @!%p1 mov.b32 %rout, 8;",
        "0",
        "0",
        "0",
        "9"
    )]
    [TestCase("nanosleep.u32 20; mov.b32 %rout, %ra;", "7", "0", "0", "7")]
    [TestCase(
        "membar.gl; membar.cta; fence.acq_rel.gpu; fence.sc.sys; mov.b32 %rout, %ra;",
        "7",
        "0",
        "0",
        "7"
    )]
    public void Of_32_bits(string code, string a, string b, string c, string expected) =>
        Assert.That(
            Run($"setp.ne.s32 %p0, 0, 0; {code} cvt.u64.u32 %out, %rout;", Hex(a), Hex(b), Hex(c)),
            Is.EqualTo(Hex(expected))
        );

    [TestCase("add.s64 %out, %a, %b;", "FFFFFFFFFFFFFFFF", "2", "0", "1")]
    [TestCase("mul.lo.s64 %out, %a, %b;", "100000001", "100000001", "0", "200000001")]
    [TestCase("mul.hi.u64 %out, %a, %b;", "FFFFFFFFFFFFFFFF", "10", "0", "F")]
    [TestCase("mul.hi.s64 %out, %a, %b;", "FFFFFFFFFFFFFFFF", "10", "0", "FFFFFFFFFFFFFFFF")]
    [TestCase("mul.wide.u32 %out, %ra, %rb;", "FFFFFFFF", "10", "0", "FFFFFFFF0")]
    [TestCase("mul.wide.s32 %out, %ra, %rb;", "FFFFFFFF", "10", "0", "FFFFFFFFFFFFFFF0")]
    [TestCase("mad.wide.u32 %out, %ra, %rb, %c;", "FFFFFFFF", "10", "1", "FFFFFFFF1")]
    [TestCase("mad.lo.s64 %out, %a, %b, %c;", "3", "4", "5", "11")]
    [TestCase("div.s64 %out, %a, %b;", "FFFFFFFFFFFFFFF9", "2", "0", "FFFFFFFFFFFFFFFD")]
    [TestCase("div.u64 %out, %a, %b;", "FFFFFFFFFFFFFFF9", "2", "0", "7FFFFFFFFFFFFFFC")]
    [TestCase("rem.s64 %out, %a, %b;", "FFFFFFFFFFFFFFF9", "2", "0", "FFFFFFFFFFFFFFFF")]
    [TestCase("rem.u64 %out, %a, %b;", "FFFFFFFFFFFFFFF9", "A", "0", "9")]
    [TestCase("min.s64 %out, %a, %b;", "FFFFFFFFFFFFFFFF", "1", "0", "FFFFFFFFFFFFFFFF")]
    [TestCase("max.u64 %out, %a, %b;", "FFFFFFFFFFFFFFFF", "1", "0", "FFFFFFFFFFFFFFFF")]
    [TestCase("min.u64 %out, %a, %b;", "FFFFFFFFFFFFFFFF", "1", "0", "1")]
    [TestCase("max.s64 %out, %a, %b;", "FFFFFFFFFFFFFFFF", "1", "0", "1")]
    [TestCase("abs.s64 %out, %a;", "FFFFFFFFFFFFFFF9", "0", "0", "7")]
    [TestCase("shl.b64 %out, %a, %rb;", "3", "3F", "0", "8000000000000000")]
    [TestCase("shl.b64 %out, %a, 64;", "3", "0", "0", "0")]
    [TestCase("shr.u64 %out, %a, 63;", "8000000000000000", "0", "0", "1")]
    [TestCase("shr.u64 %out, %a, 64;", "8000000000000000", "0", "0", "0")]
    [TestCase("shr.s64 %out, %a, 99;", "8000000000000000", "0", "0", "FFFFFFFFFFFFFFFF")]
    [TestCase("bfe.u64 %out, %a, 4, 8;", "12345", "0", "0", "34")]
    [TestCase("bfe.s64 %out, %a, 8, 8;", "8234", "0", "0", "FFFFFFFFFFFFFF82")]
    [TestCase("bfi.b64 %out, %a, %b, 32, 16;", "12", "FFFFFFFFFFFFFFFF", "0", "FFFF0012FFFFFFFF")]
    [TestCase("brev.b64 %out, %a;", "1", "0", "0", "8000000000000000")]
    [TestCase("not.b64 %out, %a;", "1", "0", "0", "FFFFFFFFFFFFFFFE")]
    [TestCase("cvt.s64.s32 %out, %ra;", "FFFFFFFF", "0", "0", "FFFFFFFFFFFFFFFF")]
    [TestCase("cvt.u64.u32 %out, %ra;", "FFFFFFFF", "0", "0", "FFFFFFFF")]
    [TestCase("cvt.s64.s16 %out, %ha;", "8000", "0", "0", "FFFFFFFFFFFF8000")]
    [TestCase("mov.b64 %out, {%ra, %rb};", "12345678", "9ABCDEF0", "0", "9ABCDEF012345678")]
    [TestCase(
        "mov.b64 {%r0, %r1}, %a; cvt.u64.u32 %out, %r1;",
        "123456789ABCDEF0",
        "0",
        "0",
        "12345678"
    )]
    [TestCase("cvt.rzi.s64.f32 %out, %fa;", "DF800000", "0", "0", "8000000000000000")] // -2^64
    [TestCase("cvt.rzi.u64.f32 %out, %fa;", "5F000000", "0", "0", "8000000000000000")] // 2^63
    [TestCase("cvt.rzi.u64.f64 %out, %da;", "43F0000000000000", "0", "0", "FFFFFFFFFFFFFFFF")]
    [TestCase(
        "isspacep.shared %p1, %a; selp.u64 %out, 1, 0, %p1;",
        "B00000000000400",
        "0",
        "0",
        "1"
    )]
    [TestCase(
        "isspacep.global %p1, %a; selp.u64 %out, 1, 0, %p1;",
        "B00000000000400",
        "0",
        "0",
        "0"
    )]
    public void Of_64_bits(string code, string a, string b, string c, string expected) =>
        Assert.That(Run(code, Hex(a), Hex(b), Hex(c)), Is.EqualTo(Hex(expected)));

    [TestCase("add.f32 %fout, %fa, %fb;", "3FC00000", "40000000", "0", "40600000")]
    [TestCase("sub.rn.f32 %fout, %fa, %fb;", "3FC00000", "40000000", "0", "BF000000")]
    [TestCase("mul.f32 %fout, %fa, 0f40000000;", "3FC00000", "0", "0", "40400000")]
    [TestCase("mul.ftz.f32 %fout, %fa, %fb;", "00000001", "4F000000", "0", "0")]
    [TestCase("mul.f32 %fout, %fa, %fb;", "00000001", "40000000", "0", "2")]
    [TestCase("add.sat.f32 %fout, %fa, %fb;", "3FC00000", "40000000", "0", "3F800000")]
    // 1 + 2^-12 squared less 1 + 2^-11: rounded once.
    [TestCase("fma.rn.f32 %fout, %fa, %fa, %fb;", "3F800800", "BF801000", "0", "33800000")]
    [TestCase("fma.rn.ftz.f32 %fout, %fa, %fb, %fc;", "3F800000", "00000009", "80000003", "0")]
    [TestCase("div.rn.f32 %fout, %fa, %fb;", "3F800000", "40400000", "0", "3EAAAAAB")]
    [TestCase("rcp.rn.f32 %fout, %fa;", "40400000", "0", "0", "3EAAAAAB")]
    [TestCase("sqrt.rn.f32 %fout, %fa;", "40000000", "0", "0", "3FB504F3")]
    [TestCase("min.f32 %fout, %fa, %fb;", NaN, "40000000", "0", "40000000")]
    [TestCase("max.f32 %fout, %fa, %fb;", "40000000", NaN, "0", "40000000")]
    [TestCase("min.f32 %fout, %fa, %fb;", "80000000", "0", "0", "80000000")]
    [TestCase("max.f32 %fout, %fa, %fb;", "80000000", "0", "0", "0")]
    [TestCase("abs.f32 %fout, %fa;", "C0000000", "0", "0", "40000000")]
    [TestCase("neg.f32 %fout, %fa;", "0", "0", "0", "80000000")]
    [TestCase("copysign.f32 %fout, %fa, %fb;", "80000000", "40000000", "0", "C0000000")]
    [TestCase("cvt.rni.f32.f32 %fout, %fa;", "40200000", "0", "0", "40000000")]
    [TestCase("cvt.rmi.f32.f32 %fout, %fa;", "C0200000", "0", "0", "C0400000")]
    [TestCase("cvt.rzi.f32.f32 %fout, %fa;", "C0200000", "0", "0", "C0000000")]
    [TestCase("cvt.rpi.f32.f32 %fout, %fa;", "40200000", "0", "0", "40400000")]
    [TestCase("cvt.sat.f32.f32 %fout, %fa;", "40200000", "0", "0", "3F800000")]
    [TestCase("cvt.rn.f32.s32 %fout, %ra;", "FFFFFFFF", "0", "0", "BF800000")]
    [TestCase("cvt.rn.f32.u32 %fout, %ra;", "FFFFFFFF", "0", "0", "4F800000")]
    [TestCase("cvt.rn.f32.u64 %fout, %a;", "8000008000000001", "0", "0", "5F000001")]
    [TestCase("cvt.rn.f32.u64 %fout, %a;", "8000008000000000", "0", "0", "5F000000")]
    [TestCase("cvt.rn.f32.s64 %fout, %a;", "FFFFFFFFFFFFFFFF", "0", "0", "BF800000")]
    [TestCase("cvt.rn.f32.u16 %fout, %ha;", "FFFF", "0", "0", "477FFF00")]
    [TestCase("cvt.rn.f32.f64 %fout, %da;", "3FF8000000000000", "0", "0", "3FC00000")]
    [TestCase("cvt.rn.f16.f32 %h0, %fa; cvt.f32.f16 %fout, %h0;", "3F801000", "0", "0", "3F800000")]
    [TestCase("selp.f32 %fout, 0f3F800000, %fa, %p0;", "40000000", "0", "0", "40000000")]
    public void Of_32_bit_floats(string code, string a, string b, string c, string expected) =>
        Assert.That(
            Run(
                $"setp.ne.s32 %p0, 0, 0; {code} mov.b32 %rout, %fout; cvt.u64.u32 %out, %rout;",
                Hex(a),
                Hex(b),
                Hex(c)
            ),
            Is.EqualTo(Hex(expected))
        );

    [TestCase("min.NaN.f32 %fout, %fa, %fb;", NaN, "40000000")]
    [TestCase("max.NaN.f32 %fout, %fa, %fb;", "40000000", NaN)]
    [TestCase("sqrt.rn.f32 %fout, %fa;", "BF800000", "0")]
    [TestCase("rsqrt.approx.f32 %fout, %fa;", "BF800000", "0")]
    [TestCase("lg2.approx.f32 %fout, %fa;", "BF800000", "0")]
    [TestCase("div.approx.f32 %fout, %fa, %fb;", Infinity, "7F000000")]
    [TestCase("sin.approx.f32 %fout, %fa;", Infinity, "0")]
    public void That_give_no_number(string code, string a, string b)
    {
        ulong bits = Run($"{code} mov.b32 %rout, %fout; cvt.u64.u32 %out, %rout;", Hex(a), Hex(b));
        Assert.That(float.IsNaN(BitConverter.UInt32BitsToSingle((uint)bits)));
    }

    [TestCase("add.f64 %dout, %da, %db;", 1.5, 2.25, 3.75)]
    [TestCase("sub.f64 %dout, %da, %db;", 1.5, 2.25, -0.75)]
    [TestCase("mul.rn.f64 %dout, %da, %db;", 1.5, 2.0, 3.0)]
    [TestCase("div.rn.f64 %dout, %da, %db;", 1.0, 3.0, 1.0 / 3)]
    [TestCase("rcp.rn.f64 %dout, %da;", 3.0, 0, 1.0 / 3)]
    [TestCase("sqrt.rn.f64 %dout, %da;", 2.0, 0, 1.4142135623730951)]
    [TestCase("fma.rn.f64 %dout, %da, %db, 0d3FF0000000000000;", 2.0, 3.0, 7.0)]
    [TestCase("min.f64 %dout, %da, %db;", double.NaN, 2.0, 2.0)]
    [TestCase("max.f64 %dout, %da, %db;", 1.0, 2.0, 2.0)]
    [TestCase("abs.f64 %dout, %da;", -1.0, 0, 1.0)]
    [TestCase("neg.f64 %dout, %da;", -1.0, 0, 1.0)]
    [TestCase("copysign.f64 %dout, %da, %db;", -1.0, 2.0, -2.0)]
    [TestCase("cvt.f64.f32 %dout, 0f3FC00000;", 0, 0, 1.5)]
    [TestCase("cvt.rn.f64.s32 %dout, -5;", 0, 0, -5.0)]
    [TestCase("cvt.rn.f64.u32 %dout, -1;", 0, 0, 4294967295.0)]
    [TestCase("cvt.rn.f64.s64 %dout, -1;", 0, 0, -1.0)]
    [TestCase("cvt.rn.f64.u64 %dout, -1;", 0, 0, 18446744073709551616.0)]
    [TestCase("cvt.rmi.f64.f64 %dout, %da;", -2.5, 0, -3.0)]
    public void Of_64_bit_floats(string code, double a, double b, double expected) =>
        Assert.That(
            BitConverter.UInt64BitsToDouble(
                Run(
                    $"{code} mov.b64 %out, %dout;",
                    BitConverter.DoubleToUInt64Bits(a),
                    BitConverter.DoubleToUInt64Bits(b)
                )
            ),
            Is.EqualTo(expected)
        );

    [TestCase("eq", false, true, false, false)]
    [TestCase("ne", true, false, true, false)]
    [TestCase("lt", true, false, false, false)]
    [TestCase("le", true, true, false, false)]
    [TestCase("gt", false, false, true, false)]
    [TestCase("ge", false, true, true, false)]
    [TestCase("equ", false, true, false, true)]
    [TestCase("neu", true, false, true, true)]
    [TestCase("ltu", true, false, false, true)]
    [TestCase("leu", true, true, false, true)]
    [TestCase("gtu", false, false, true, true)]
    [TestCase("geu", false, true, true, true)]
    [TestCase("num", true, true, true, false)]
    [TestCase("nan", false, false, false, true)]
    public void That_compare_floats(
        string name,
        bool less,
        bool equal,
        bool greater,
        bool unordered
    )
    {
        Assert.Multiple(() =>
        {
            foreach ((string type, string one, string two, string nan) in Floats)
            {
                Check(one, two, less);
                Check(two, two, equal);
                Check(two, one, greater);
                Check(one, nan, unordered);
                Check(nan, nan, unordered);

                void Check(string a, string b, bool expected) =>
                    Assert.That(
                        Run($"setp.{name}.{type} %p1, {a}, {b}; selp.u64 %out, 1, 0, %p1;"),
                        Is.EqualTo(expected ? 1ul : 0),
                        $"{a} {name} {b}"
                    );
            }
        });
    }

    private static readonly (string, string, string, string)[] Floats =
    [
        ("f32", "0f3F800000", "0f40000000", "0f7FC00000"),
        ("f64", "0d3FF0000000000000", "0d4000000000000000", "0d7FF8000000000000"),
    ];

    [TestCase("eq.s32", "FFFFFFFF", "1", false)]
    [TestCase("ne.s32", "FFFFFFFF", "1", true)]
    [TestCase("lt.s32", "FFFFFFFF", "1", true)]
    [TestCase("lt.u32", "FFFFFFFF", "1", false)]
    [TestCase("le.s32", "1", "1", true)]
    [TestCase("le.u32", "2", "1", false)]
    [TestCase("gt.s32", "FFFFFFFF", "1", false)]
    [TestCase("gt.u32", "FFFFFFFF", "1", true)]
    [TestCase("ge.s32", "1", "1", true)]
    [TestCase("ge.u32", "0", "1", false)]
    [TestCase("lo.u32", "0", "1", true)]
    [TestCase("ls.u32", "1", "1", true)]
    [TestCase("hi.u32", "FFFFFFFF", "1", true)]
    [TestCase("hs.u32", "0", "1", false)]
    public void That_compare_whole_numbers(string name, string a, string b, bool expected) =>
        Assert.That(
            Run($"setp.{name} %p1, %ra, %rb; selp.u64 %out, 1, 0, %p1;", Hex(a), Hex(b)),
            Is.EqualTo(expected ? 1ul : 0)
        );

    [TestCase("and", 1u, 1u, 2u)]
    [TestCase("and", 1u, 0u, 0u)]
    [TestCase("or", 0u, 0u, 1u)]
    [TestCase("xor", 1u, 1u, 1u)]
    public void That_combine_comparisons(string combine, uint a, uint other, ulong expected)
    {
        // p = (a == 1) op other, q = !(a == 1) op other; here as the bits 2 and 1.
        bool equal = a == 1;
        bool given = other == 1;
        bool p = Combine(equal, given);
        bool q = Combine(!equal, given);
        Assert.That(
            Run(
                $"setp.eq.s32 %p3, %rb, 1; setp.eq.{combine}.s32 %p1|%p2, %ra, 1, %p3;"
                    + "selp.u64 %x0, 2, 0, %p1; selp.u64 %x1, 1, 0, %p2; or.b64 %out, %x0, %x1;",
                a,
                other
            ),
            Is.EqualTo((p ? 2ul : 0) + (q ? 1ul : 0))
        );
        Assert.That(expected, Is.EqualTo((p ? 2ul : 0) + (q ? 1ul : 0)));

        bool Combine(bool x, bool y) =>
            combine switch
            {
                "and" => x && y,
                "or" => x || y,
                _ => x != y,
            };
    }

    // What is there before and the operand or operands; what is there after.
    [TestCase("add.u32", "5", "FFFFFFFF", "0", "4")]
    [TestCase("exch.b32", "5", "7", "0", "7")]
    [TestCase("cas.b32", "5", "5", "9", "9")]
    [TestCase("cas.b32", "5", "6", "9", "5")]
    [TestCase("min.s32", "5", "FFFFFFFF", "0", "FFFFFFFF")]
    [TestCase("min.u32", "5", "FFFFFFFF", "0", "5")]
    [TestCase("max.s32", "5", "FFFFFFFF", "0", "5")]
    [TestCase("max.u32", "5", "FFFFFFFF", "0", "FFFFFFFF")]
    [TestCase("inc.u32", "5", "5", "0", "0")]
    [TestCase("inc.u32", "5", "6", "0", "6")]
    [TestCase("dec.u32", "0", "6", "0", "6")]
    [TestCase("dec.u32", "5", "6", "0", "4")]
    [TestCase("and.b32", "C", "A", "0", "8")]
    [TestCase("or.b32", "C", "A", "0", "E")]
    [TestCase("xor.b32", "C", "A", "0", "6")]
    [TestCase("add.f32", "3F800000", "3F800000", "0", "40000000")]
    [TestCase("add.u64", "FFFFFFFF", "1", "0", "100000000")]
    [TestCase("exch.b64", "5", "7000000000", "0", "7000000000")]
    [TestCase("cas.b64", "500000000", "500000000", "9", "9")]
    [TestCase("min.s64", "5", "FFFFFFFFFFFFFFFF", "0", "FFFFFFFFFFFFFFFF")]
    [TestCase("max.u64", "5", "FFFFFFFFFFFFFFFF", "0", "FFFFFFFFFFFFFFFF")]
    [TestCase("min.u64", "5", "FFFFFFFFFFFFFFFF", "0", "5")]
    [TestCase("max.s64", "5", "FFFFFFFFFFFFFFFF", "0", "5")]
    [TestCase("and.b64", "C", "A", "0", "8")]
    [TestCase("or.b64", "C", "A", "0", "E")]
    [TestCase("xor.b64", "C", "A", "0", "6")]
    [TestCase("add.f64", "3FF0000000000000", "3FF0000000000000", "0", "4000000000000000")]
    public void That_are_atomic(string name, string old, string a, string b, string expected)
    {
        bool wide = name.EndsWith("64", default);
        string r = wide ? "" : "r";
        string operands = name.StartsWith("cas", default) ? $"%{r}b, %{r}c" : $"%{r}b";
        // Once with what was there before and once without, in both spaces.
        string type = wide ? "u64" : "u32";
        string code =
            $".shared .align 8 .b8 s[8]; mov.u64 %x1, s;"
            + $"st.shared.{type} [%x1], %{r}a; atom.shared.{name} %{r}out, [%x1], {operands}; ld.shared.{type} %x2, [%x1];"
            + $"st.global.{type} [%y], %{r}a; atom.acq_rel.gpu.global.{name} %{r}out, [%y], {operands}; ld.global.{type} %x3, [%y];"
            + $"setp.ne.u64 %p1, %x2, %x3; @%p1 trap;";
        if (!wide)
            code += "cvt.u64.u32 %out, %rout;";
        Assert.Multiple(() =>
        {
            Assert.That(Run(code, Hex(old), Hex(a), Hex(b)), Is.EqualTo(Hex(old)), "before");
            Assert.That(
                Run(code + "mov.u64 %out, %x3;", Hex(old), Hex(a), Hex(b)),
                Is.EqualTo(Hex(expected)),
                "after"
            );
            if (!name.StartsWith("cas", default) && !name.StartsWith("exch", default))
                Assert.That(
                    Run(
                        $"st.global.{type} [%y], %{r}a; red.global.{name} [%y], {operands}; ld.global.{type} %out, [%y];",
                        Hex(old),
                        Hex(a),
                        Hex(b)
                    ),
                    Is.EqualTo(Hex(expected)),
                    "red"
                );
        });
    }

    [TestCase("ex2.approx.ftz.f32", -22, 0.0)]
    [TestCase("rcp.approx.ftz.f32", -23, 0.0)]
    [TestCase("rsqrt.approx.f32", -22.9, 0.0)]
    [TestCase("sqrt.approx.f32", -23, 0.0)]
    [TestCase("tanh.approx.f32", -11, 0.0)]
    [TestCase("lg2.approx.f32", -22, -22)]
    [TestCase("sin.approx.f32", 0, -20.5)]
    [TestCase("cos.approx.f32", 0, -20.5)]
    public void That_approximate_err_as_much_as_they_may(
        string name,
        double relative,
        double absolute
    )
    {
        double worst = 0;
        bool above = false;
        bool below = false;
        ulong lane = 0;
        for (float x = 0.3f; x < 6; x += 0.037f)
        {
            float y = Approximate(name, x, lane++ & 3);
            double exact = name[..name.IndexOf('.', StringComparison.Ordinal)] switch
            {
                "ex2" => Math.Pow(2, x),
                "rcp" => 1.0 / x,
                "rsqrt" => 1 / Math.Sqrt(x),
                "sqrt" => Math.Sqrt(x),
                "tanh" => Math.Tanh(x),
                "lg2" => Math.Log2(x),
                "sin" => Math.Sin(x),
                _ => Math.Cos(x),
            };
            double bound =
                relative == 0 || (name[0] == 'l' && x is > 0.5f and < 2)
                    ? Math.Pow(2, absolute)
                    : Math.Pow(2, relative) * Math.Abs(exact);
            worst = Math.Max(worst, Math.Abs(y - exact) / bound);
            above |= y > exact;
            below |= y < exact;
        }
        Assert.That(worst, Is.InRange(0.5, 1.0));
        Assert.That(above && below);
    }

    private static float Approximate(string name, float x, ulong seed) =>
        name[..name.IndexOf('.', StringComparison.Ordinal)] switch
        {
            "ex2" => PtxApproximate.Exp2(x, seed),
            "rcp" => PtxApproximate.Reciprocal(x, seed),
            "rsqrt" => PtxApproximate.ReciprocalSqrt(x, seed),
            "sqrt" => PtxApproximate.Sqrt(x, seed),
            "tanh" => PtxApproximate.Tanh(x, seed),
            "lg2" => PtxApproximate.Log2(x, seed),
            "sin" => PtxApproximate.Sin(x, seed),
            _ => PtxApproximate.Cos(x, seed),
        };

    [Test]
    public void That_approximate_are_reached_by_kernels()
    {
        float[] x = [.. Enumerable.Range(1, 32).Select(i => i * 0.17f)];
        using var heap = new PtxHeap();
        ulong y = heap.Allocate(4 * 8 * 32);
        PtxKernels.Sound.Run("functions", heap, 1, 32, 77, y, heap.Put<float>(x));
        float[] got = heap.Get<float>(y, 256);
        for (int i = 0; i < 32; i++)
            Assert.That(
                got[(8 * i)..(8 * i + 8)],
                Is.EqualTo(
                    new[]
                    {
                        PtxApproximate.Exp2(x[i], 77),
                        PtxApproximate.Log2(x[i], 77),
                        PtxApproximate.Sin(x[i], 77),
                        PtxApproximate.Cos(x[i], 77),
                        PtxApproximate.Tanh(x[i], 77),
                        PtxApproximate.Reciprocal(x[i], 77),
                        PtxApproximate.ReciprocalSqrt(x[i], 77),
                        PtxApproximate.DivideFast(1.5f, x[i], 77),
                    }
                ).AsCollection
            );
    }
}
