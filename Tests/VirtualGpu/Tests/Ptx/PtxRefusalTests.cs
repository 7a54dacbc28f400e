using NUnit.Framework;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>What is not supported is refused by name and line, when the module is parsed.</summary>
[TestFixture]
public sealed class PtxRefusalTests
{
    private const string Head = ".version 7.8\n.target sm_75\n.address_size 64\n";

    private static string Kernel(string code) =>
        Head
        + ".visible .entry k(.param .u64 y)\n{\n"
        + ".reg .b32 %r<9>; .reg .b64 %x<9>; .reg .f32 %f<9>; .reg .f64 %d<9>; .reg .pred %p<9>; .reg .b16 %h<9>;\n"
        + code
        + "\nret;\n}\n";

    private static void Refused(string text, string what, int line)
    {
        PtxException refusal = Assert.Throws<PtxException>(() => PtxModule.Parse(text))!;
        Assert.Multiple(() =>
        {
            Assert.That(refusal.What, Is.EqualTo(what));
            Assert.That(refusal.Line, Is.EqualTo(line), refusal.Message);
            Assert.That(refusal.Message, Does.Contain($"line {line}"));
        });
    }

    [TestCase("wmma.load.a.sync", "wmma.load.a.sync %r0;")]
    [TestCase("lop3.b32", "lop3.b32 %r0, %r1, %r2, %r3, 0;")]
    [TestCase("add.cc.u32", "add.cc.u32 %r0, %r1, %r2;")]
    [TestCase("add.rz.f32", "add.rz.f32 %f0, %f1, %f2;")]
    [TestCase("fma.rp.f32", "fma.rp.f32 %f0, %f1, %f2, %f3;")]
    [TestCase("ex2.approx.f16", "ex2.approx.f16 %h0, %h1;")]
    [TestCase("rsqrt.approx.f64", "rsqrt.approx.f64 %d0, %d1;")]
    [TestCase("sin.f32", "sin.f32 %f0, %f1;")]
    [TestCase("cvt.rz.f32.f64", "cvt.rz.f32.f64 %f0, %d1;")]
    [TestCase("cvt.f32.f64", "cvt.f32.f64 %f0, %d1;")]
    [TestCase("cvt.sat.u8.s32", "cvt.sat.u8.s32 %r0, %r1;")]
    [TestCase("setp.xx.s32", "setp.xx.s32 %p0, %r1, %r2;")]
    [TestCase("ld.mmio.global.u32", "ld.mmio.global.u32 %r0, [%x0];")]
    [TestCase("ld.global.v8.f32", "ld.global.v8.f32 %f0, [%x0];")]
    [TestCase("ld.global.v2.f32", "ld.global.v2.f32 %f0, [%x0];")]
    [TestCase("ld.param.u64", "ld.param.u64 %x0, [y+8];")]
    [TestCase("st.const.u32", "st.const.u32 [%x0], %r0;")]
    [TestCase("atom.global.add.f16", "atom.global.add.f16 %h0, [%x0], %h1;")]
    [TestCase("atom.global.min.f32", "atom.global.min.f32 %f0, [%x0], %f1;")]
    [TestCase("shfl.down.b32", "shfl.down.b32 %r0, %r1, 1, 31;")]
    [TestCase("vote.any.pred", "vote.any.pred %p0, %p1;")]
    [TestCase("bar.arrive", "bar.arrive 1, 64;")]
    [TestCase("cp.async.bulk.commit_group", "cp.async.bulk.commit_group;")]
    [TestCase("call.uni", "call.uni f;")]
    [TestCase("brx.idx", "brx.idx %r0, t;")]
    [TestCase("mov.u32", "mov.u32 %r0, %x0, %x1;")]
    [TestCase("mov.u64", "mov.u64 %x0, %r0;")]
    [TestCase("add.s32", "add.s32 %r0, %p0, 1;")]
    [TestCase("%smid", "mov.u32 %r0, %smid;")]
    [TestCase("%q", "mov.u32 %r0, %q;")]
    [TestCase("$nowhere", "bra $nowhere;")]
    [TestCase("010", "mov.u32 %r0, 010;")]
    public void In_kernels(string what, string code)
    {
        // The compiler cannot know a table's or a function's name.
        if (what is "call.uni" or "brx.idx")
            what = code.Split(' ')[^1].TrimEnd(';');
        Refused(Kernel(code), what, 7);
    }

    [TestCase(".func helper", ".visible .func helper() { ret; }", 4)]
    [TestCase(".func helper", ".func (.param .b32 r) helper() { ret; }", 4)]
    [TestCase("outside", ".extern .global .u32 outside;", 4)]
    [TestCase(".tex", ".tex .u64 t;", 4)]
    [TestCase(".b128", ".global .b128 x;", 4)]
    [TestCase("x", ".global .u32 x;\n.global .u32 x;", 5)]
    [TestCase("s", ".shared .u32 s = 4;", 4)]
    [TestCase(".address_size", ".address_size 32", 4)]
    [TestCase(".noreturn", ".visible .entry k()\n.noreturn\n{ ret; }", 5)]
    [TestCase("end of text", ".visible .entry k()\n{ ret;\n", 6)]
    public void In_modules(string what, string text, int line) => Refused(Head + text, what, line);

    [Test]
    public void A_launch_that_does_not_fit_its_kernel()
    {
        PtxModule module = PtxModule.Parse(
            Head
                + ".visible .entry k(.param .u32 a, .param .u64 b)\n.maxntid 64, 2, 1\n{ .shared .b8 s[1000]; ret; }"
                + ".visible .entry r()\n.reqntid 32\n{ ret; }"
        );
        PtxKernel kernel = module.Kernels["k"];
        using var heap = new PtxHeap();
        var good = new PtxLaunch
        {
            Grid = new(1),
            Block = new(128),
            Memory = heap,
            Arguments = new byte[16],
        };
        Assert.Multiple(() =>
        {
            Assert.That(kernel.Parameters[1].Offset, Is.EqualTo(8));
            Assert.That(() => kernel.Launch(good), Throws.Nothing);
            Bad(kernel, good with { Block = new(129) }, "takes 1 to 128");
            Bad(kernel, good with { Block = new(0) }, "takes 1 to 128");
            Bad(kernel, good with { Grid = new(0) }, "A grid of (0, 1, 1)");
            Bad(kernel, good with { Arguments = new byte[12] }, "takes 16");
            Bad(kernel, good with { SharedBytes = 232_000 }, "beside the 1000");
            Bad(kernel, good with { SharedBytes = -1 }, "-1 bytes");
            Bad(module.Kernels["r"], good with { Arguments = [], Block = new(31) }, "takes 32");
        });

        static void Bad(PtxKernel kernel, PtxLaunch launch, string message) =>
            Assert.That(
                () => kernel.Launch(launch),
                Throws.ArgumentException.With.Message.Contain(message)
            );
    }
}
