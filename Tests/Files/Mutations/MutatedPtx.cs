using System.Text;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.Tests.Mutations;

/// <summary>Sound PTX of many kinds of instructions, and the words that PTX is made of.</summary>
internal static class MutatedPtx
{
    public const string Control = """
        .version 7.8
        .target sm_75
        .address_size 64
        .extern .shared .align 16 .b8 dynamic[];
        .global .align 4 .b32 table[4] = {1, 2, 0x3, 4};
        .visible .entry first(.param .u64 .ptr .global .align 4 y, .param .u32 n, .param .align 8 .b8 s[16])
        .maxntid 128, 2, 1
        {
        .reg .pred %p<4>;
        .reg .b32 %r<30>;
        .reg .f32 %f<9>;
        .reg .b64 %x<9>;
        .shared .align 4 .b8 room[512];
        .loc 1 3 5
        ld.param.u64 %x1, [y];
        ld.param.u32 %r1, [n];
        cvta.to.global.u64 %x2, %x1;
        mov.u32 %r2, %tid.x;
        mov.u32 %r3, %ctaid.x;
        mad.lo.s32 %r4, %r3, 128, %r2;
        setp.ge.s32 %p1, %r4, %r1;
        @%p1 bra $end;
        mov.b32 %r5, 0;
        $loop:
        shl.b32 %r6, %r5, 2;
        add.s32 %r5, %r5, 1;
        setp.lt.u32 %p2, %r5, 8;
        @!%p2 bra $out;
        bra.uni $loop;
        $out:
        {
        .reg .b32 %inner;
        xor.b32 %inner, %r5, 3;
        st.shared.u32 [room+4], %inner;
        }
        bar.sync 0;
        shfl.sync.down.b32 %r7|%p3, %r6, 1, 31, -1;
        vote.sync.ballot.b32 %r8, %p3, -1;
        mul.wide.s32 %x3, %r4, 4;
        add.s64 %x4, %x2, %x3;
        mov.f32 %f1, 0f3F800000;
        fma.rn.f32 %f2, %f1, %f1, %f1;
        st.global.f32 [%x4], %f2;
        $end:
        ret;
        }
        .file 1 "a.cu"
        """;

    public const string Memory = """
        // a comment
        .version 7.0
        .target sm_70, texmode_unified
        .address_size 64
        /* and
        another */
        .entry second(.param .u64 a)
        {
        .reg .b64 %rd<12>;
        .reg .f32 %f<20>;
        .reg .f64 %fd<5>;
        .reg .b16 %rs<5>;
        .reg .b32 %r<10>, %q;
        .reg .pred p, q;
        .local .align 8 .b8 stack[64];
        ld.param.u64 %rd1, [a];
        ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1+16];
        add.rn.f32 %f5, %f1, %f2;
        mul.f32 %f6, %f5, 0fC0000000;
        max.f32 %f7, %f6, %f3;
        sqrt.rn.f32 %f8, %f7;
        ex2.approx.f32 %f9, %f8;
        cvt.f64.f32 %fd1, %f9;
        add.f64 %fd2, %fd1, 0d3FF0000000000000;
        cvt.rn.f32.f64 %f10, %fd2;
        cvt.rzi.s32.f32 %r1, %f10;
        st.local.u32 [stack+8], %r1;
        ld.local.u32 %r2, [stack+8];
        selp.b32 %r3, %r1, %r2, q;
        setp.gt.and.f32 p, %f10, 0f00000000, q;
        @p atom.global.add.f32 %f11, [%rd1], %f10;
        ld.global.nc.u16 %rs1, [%rd1+2];
        cvt.u32.u16 %r4, %rs1;
        popc.b32 %r5, %r4;
        bfe.u32 %r6, %r5, 4, 8;
        st.global.v2.f32 [%rd1+8], {%f5, %f11};
        membar.gl;
        exit;
        }
        """;

    public static readonly string[] Words =
    [
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "<",
        ">",
        ";",
        ",",
        ":",
        "::",
        "@",
        "!",
        "|",
        "-",
        "+",
        "=",
        "_",
        "\"",
        "/*",
        "//",
        "\n",
        ".reg",
        ".param",
        ".shared",
        ".local",
        ".global",
        ".const",
        ".align",
        ".entry",
        ".visible",
        ".extern",
        ".func",
        ".loc",
        ".file",
        ".section",
        ".maxntid",
        ".reqntid",
        ".pred",
        ".b8",
        ".b16",
        ".b64",
        ".f32",
        ".f64",
        "%r1",
        "%f1",
        "%rd1",
        "%p1",
        "%x1",
        "%tid.x",
        "%r10",
        "$end",
        "bra",
        "ret",
        "exit",
        "mov.b32",
        "mov.b64",
        "ld.global.v4.f32",
        "st.shared.v2.u32",
        "atom.shared.cas.b32",
        "red.global.add.f32",
        "shfl.sync.bfly.b32",
        "bar.red.popc.u32",
        "barrier.sync",
        "match.all.sync.b32",
        "cp.async.ca.shared.global",
        "prmt.b32",
        "setp.eq.s64",
        "cvt.rni.f32.f32",
        "fence.proxy::async",
        "0f7FC00000",
        "0d7FF0000000000000",
        "u32",
        "s64",
        "f16",
        "v2",
        "rn",
        "{ .reg .b32 %z; ",
        ".maxnreg",
        ".minnctapersm",
        ".pragma",
        ".weak",
        ".version",
        ".target",
        ".address_size",
        "sm_80",
        "6.3",
        "s16",
        "u8",
        "ftz",
        "sat",
        "wide",
        "global",
        "relaxed",
        "gpu",
        "rzi",
        "approx",
    ];

    /// <summary>Parses and compiles a text, and runs the kernels of some: no code that was made is malformed.</summary>
    /// <exception cref="PtxException">The text is refused.</exception>
    public static void Read(byte[] bytes)
    {
        PtxModule module = PtxModule.Parse(Encoding.UTF8.GetString(bytes));
        // .NET's own translation takes longer than all the rest.
        if (bytes.Length % 16 != 0)
            return;
        foreach (PtxKernel kernel in module.Kernels.Values)
        {
            try
            {
                kernel.Launch(
                    new PtxLaunch
                    {
                        Grid = new(1),
                        Block = new((uint)Math.Max(kernel.RequiredThreads, 1)),
                        Arguments = new byte[kernel.ParameterBytes],
                        Memory = new NoMemory(),
                        InstructionLimit = 20_000,
                    }
                );
            }
            catch (PtxFaultException)
            {
                // There is no memory, and loops may not end.
            }
            catch (ArgumentException)
            {
                // No launch fits what the text asks for.
            }
        }
    }

    private sealed class NoMemory : IPtxMemory
    {
        public bool TryFind(
            ulong address,
            int bytes,
            out PtxRegion region,
            out PtxFaultKind kind,
            out string detail
        )
        {
            region = default;
            kind = PtxFaultKind.OutOfBounds;
            detail = "there is no memory";
            return false;
        }
    }
}
