using System.Buffers.Binary;
using NUnit.Framework;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>
/// Every instruction of Sequor's kernels that moves, exchanges or counts, or leads elsewhere, on about a thousand
/// values each: bit for bit what a move in memory, or the PTX ISA's text, gives.
/// </summary>
[TestFixture]
public sealed class PtxExactMemoryTests
{
    private const int Threads = 256;
    private const int Count = 1024;

    // What a thread does with its bits in %x1 so that %x3 has what the function says, of its lane and of all values.
    private static readonly Dictionary<
        string,
        (string Code, Func<ulong[], int, ulong> Gives)
    > s_code = new(StringComparer.Ordinal)
    {
        ["ret"] = ("@%p1 ret; mov.b64 %x3, 5;", (v, i) => Odd(v[i]) ? 0ul : 5),
        ["exit"] = ("@%p1 exit; mov.b64 %x3, 5;", (v, i) => Odd(v[i]) ? 0ul : 5),
        ["bra"] = (
            "mov.b64 %x3, 1; @%p1 bra OVER; mov.b64 %x3, 2; OVER: add.s64 %x3, %x3, 4;",
            (v, i) => Odd(v[i]) ? 5ul : 6
        ),
        ["bra.uni"] = ("mov.b64 %x3, 1; bra.uni OVER; mov.b64 %x3, 2; OVER:", (_, _) => 1),
        ["bar.sync"] = (
            "st.shared.b64 [%x5], %x1; bar.sync 0; ld.shared.b64 %x3, [%x6];",
            (v, i) => v[(i & ~255) | ((i + 77) & 255)]
        ),
        ["bar.warp.sync"] = (
            "st.shared.b64 [%x5], %x1; bar.warp.sync -1; ld.shared.b64 %x3, [%x7];",
            (v, i) => v[i ^ 1]
        ),
        ["nanosleep.u32"] = ("nanosleep.u32 20; mov.b64 %x3, %x1;", (v, i) => v[i]),
        ["fence.acq_rel.gpu"] = ("fence.acq_rel.gpu; mov.b64 %x3, %x1;", (v, i) => v[i]),
        ["membar.gl"] = ("membar.gl; mov.b64 %x3, %x1;", (v, i) => v[i]),
        ["cvta.global.u64"] = ("cvta.global.u64 %x3, %x1;", (v, i) => v[i]),
        ["cvta.shared.u64"] = (
            "st.shared.b64 [%x5], %x1; bar.sync 0; cvta.shared.u64 %x3, %x6; ld.b64 %x3, [%x3];",
            (v, i) => v[(i & ~255) | ((i + 77) & 255)]
        ),
        ["cvta.to.global.u64"] = ("cvta.to.global.u64 %x3, %x1;", (v, i) => v[i]),
        ["shfl.sync.bfly.b32"] = (
            "mov.b64 {%r1, %r2}, %x1; and.b32 %r2, %r2, 31; shfl.sync.bfly.b32 %r3, %r1, %r2, 31, -1; cvt.u64.u32 %x3, %r3;",
            (v, i) => (uint)v[i ^ (int)(v[i] >> 32 & 31)]
        ),
        ["vote.sync.ballot.b32"] = (
            "vote.sync.ballot.b32 %r3, %p1, -1; cvt.u64.u32 %x3, %r3;",
            (v, i) =>
                Enumerable.Range(0, 32).Aggregate(0ul, (m, l) => m | ((v[(i & ~31) | l] & 1) << l))
        ),
        ["trap"] = ("mov.b64 %x3, %x1; bra OVER; trap; OVER:", (v, i) => v[i]),
        ["atom.relaxed.gpu.global.add.u64"] = (
            "st.global.b64 [%x8], %x1; atom.relaxed.gpu.global.add.u64 %x3, [%x8], %x1; ld.global.b64 %x1, [%x8]; xor.b64 %x3, %x3, %x1;",
            (v, i) => v[i] ^ (v[i] + v[i])
        ),
        ["atom.relaxed.gpu.global.exch.b32"] = (
            "mov.b64 {%r1, %r2}, %x1; st.global.b32 [%x8], %r1; atom.relaxed.gpu.global.exch.b32 %r3, [%x8], %r2; ld.global.b32 %r4, [%x8]; mov.b64 %x3, {%r4, %r3};",
            (v, i) => v[i] >> 32 | v[i] << 32
        ),
        ["atom.relaxed.gpu.global.inc.u32"] = (
            "mov.b64 {%r1, %r2}, %x1; st.global.b32 [%x8], %r1; atom.relaxed.gpu.global.inc.u32 %r3, [%x8], %r2; ld.global.b32 %r4, [%x8]; mov.b64 %x3, {%r3, %r4};",
            (v, i) =>
                (uint)v[i] | ((uint)v[i] >= (uint)(v[i] >> 32) ? 0 : (ulong)((uint)v[i] + 1) << 32)
        ),
    };

    // Forms beside those of the kernels, which weights that stay on the chip want.
    private static readonly string[] s_more =
    [
        "ld.shared.v4.f32",
        "ld.shared.v4.b32",
        "st.shared.v4.f32",
        "st.shared.v4.b32",
        "ld.global.nc.v4.f32",
        "ld.global.nc.v4.b32",
        "ld.shared.v2.f64",
    ];

    private static readonly string[] Names =
    [
        .. PtxKernels
            .Used.Concat(s_code.Keys)
            .Concat(s_more)
            .Distinct()
            .Where(Covers)
            .Order(StringComparer.Ordinal),
    ];

    private static bool Odd(ulong value) => (value & 1) != 0;

    /// <summary>Whether an instruction is tested here.</summary>
    public static bool Covers(string name) =>
        s_code.ContainsKey(name) || Access.Of(name) is not null;

    [Test]
    public void Are_those_that_are_meant() =>
        Assert.Multiple(() =>
        {
            Assert.That(Covers("ld.global.v8.f32"), Is.False);
            Assert.That(Covers("st.async.u32"), Is.False);
            Assert.That(Covers("red.global.add.u32"), Is.False);
            Assert.That(Names, Has.Length.GreaterThan(40));
        });

    [TestCaseSource(nameof(Names))]
    public void Give_every_bit(string name)
    {
        ulong[] values = [.. ExactValues.Of("u64", 2 * Count, 3)];
        if (s_code.TryGetValue(name, out (string Code, Func<ulong[], int, ulong> Gives) own))
        {
            ulong[] results = Run(own.Code, values, 1, "");
            Assert.That(
                results,
                Is.EqualTo(
                    Enumerable.Range(0, Count).Select(i => own.Gives(values, i))
                ).AsCollection
            );
            return;
        }
        Access access = Access.Of(name)!;
        if (access.Space == "param")
            Parameters(name, access, values);
        else
            Assert.That(
                Run(access.Code(name), values, 2, access.Registers()),
                Is.EqualTo(access.Gives(values, Count, Threads)).AsCollection
            );
    }

    private static ulong[] Run(string code, ulong[] values, int words, string registers)
    {
        PtxModule module = PtxModule.Parse(
            $$"""
            .version 7.8
            .target sm_80
            .address_size 64
            .visible .entry k(.param .u64 y, .param .u64 a, .param .u64 room)
            {
                .reg .b64 %x<20>;
                .reg .b32 %r<9>;
                .reg .b16 %h<9>;
                .reg .pred %p<9>;
                .shared .align 16 .b8 shared[4096];
                {{registers}}
                mov.u32 %r0, %tid.x;
                mov.u32 %r1, %ctaid.x;
                // Shared places of 16 bytes: its own, that of another warp's thread, that of the lane beside it.
                mov.u64 %x9, shared;
                mul.wide.u32 %x5, %r0, 16;
                add.s64 %x5, %x5, %x9;
                add.s32 %r2, %r0, 77;
                and.b32 %r2, %r2, 255;
                mul.wide.u32 %x6, %r2, 16;
                add.s64 %x6, %x6, %x9;
                xor.b32 %r2, %r0, 1;
                mul.wide.u32 %x7, %r2, 16;
                add.s64 %x7, %x7, %x9;
                mad.lo.s32 %r0, %r1, 256, %r0;
                mul.wide.u32 %x0, %r0, {{8 * words}};
                ld.param.u64 %x8, [room];
                add.s64 %x8, %x8, %x0;
                ld.param.u64 %x10, [y];
                add.s64 %x10, %x10, %x0;
                ld.param.u64 %x11, [a];
                add.s64 %x11, %x11, %x0;
                ld.global.b64 %x1, [%x11];
                mov.b64 {%r1, %r2}, %x1;
                and.b32 %r1, %r1, 1;
                setp.ne.b32 %p1, %r1, 0;
                {{code}}
                {{(
                words == 1 ? "st.global.b64 [%x10], %x3;" : "st.global.v2.b64 [%x10], {%x3, %x4};"
            )}}
                ret;
            }
            """
        );
        using var heap = new PtxHeap();
        ulong y = heap.Zeros<ulong>(words * Count);
        module.Run(
            "k",
            heap,
            Count / Threads,
            Threads,
            5,
            y,
            heap.Put<ulong>(values.AsSpan(0, words * Count)),
            heap.Zeros<ulong>(words * Count)
        );
        return heap.Get<ulong>(y, words * Count);
    }

    // The same thread reads each of a large parameter's elements.
    private static void Parameters(string name, Access access, ulong[] values)
    {
        const int Elements = 500;
        byte[] bytes = new byte[8 * Elements];
        for (int i = 0; i < Elements; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8 * i), values[i]);
        string body = string.Concat(
            Enumerable
                .Range(0, Elements)
                .Select(i =>
                    $"{name} %e0, [a+{8 * i}]; {PtxBits.ToBits(access.Held, "%e0", "%x3")} st.global.b64 [%x10+{8 * i}], %x3;\n"
                )
        );
        PtxModule module = PtxModule.Parse(
            $$"""
            .version 7.8
            .target sm_80
            .address_size 64
            .visible .entry k(.param .u64 y, .param .align 8 .b8 a[{{8 * Elements}}])
            {
                .reg .b64 %x<20>;
                .reg .b32 %r<9>;
                .reg .b16 %h<9>;
                {{access.Registers()}}
                ld.param.u64 %x10, [y];
                {{body}}
                ret;
            }
            """
        );
        using var heap = new PtxHeap();
        ulong y = heap.Zeros<ulong>(Elements);
        module.Run("k", heap, 1, 1, 5, y, bytes);
        Assert.That(
            heap.Get<ulong>(y, Elements),
            Is.EqualTo(values[..Elements].Select(v => access.Loaded(v))).AsCollection
        );
    }

    /// <summary>A load or a store of one to four elements of 16 bytes at most.</summary>
    private sealed record Access(bool Loads, string Space, string Type, int Elements)
    {
        // Of no space that the instruction names: by the address, here shared memory for odd values and global for the others.
        private const string Generic = "generic";

        private static readonly string[] s_orders =
        [
            "acquire",
            "release",
            "relaxed",
            "volatile",
            "weak",
            "gpu",
            "nc",
        ];

        /// <summary>What a register holds of an element: bytes are extended to 16 bits.</summary>
        public string Held => Bits == 8 ? Type[0] + "16" : Type;

        private int Bits => PtxReference.BitsOf(Type);

        public static Access? Of(string name)
        {
            string[] parts = name.Split('.');
            string[] modifiers = [.. parts[1..^1].Where(m => !s_orders.Contains(m))];
            if (modifiers.Length == 0 && parts[0] == "ld")
                return new(true, Generic, parts[^1], 1);
            int elements =
                modifiers is [_, "v2"] ? 2
                : modifiers is [_, "v4"] ? 4
                : 1;
            return
                parts[0] is "ld" or "st"
                && modifiers.Length == (elements > 1 ? 2 : 1)
                && modifiers[0] is "global" or "shared" or "param"
                && (modifiers[0] != "param" || (parts[0] == "ld" && elements == 1))
                ? new(parts[0] == "ld", modifiers[0], parts[^1], elements)
                : null;
        }

        public string Registers() =>
            string.Concat(
                Enumerable.Range(0, Elements).Select(i => PtxBits.Register(Held, $"%e{i}"))
            );

        /// <summary>The elements are the values' first bytes; two words come out, and what is beside them stays.</summary>
        public string Code(string name)
        {
            string list = string.Join(", ", Enumerable.Range(0, Elements).Select(i => $"%e{i}"));
            string operand = Elements == 1 ? list : $"{{{list}}}";
            string both = "ld.global.v2.b64 {%x1, %x2}, [%x11];\n";
            if (Loads)
            {
                const string Share = "st.shared.v2.b64 [%x5], {%x1, %x2}; bar.sync 0;";
                string load = Space switch
                {
                    "shared" => $"{Share} {name} {operand}, [%x6];\n",
                    Generic =>
                        $"{Share} cvta.shared.u64 %x12, %x6; selp.b64 %x12, %x12, %x11, %p1; {name} {operand}, [%x12];\n",
                    _ => $"{name} {operand}, [%x11];\n",
                };
                return both + load + Joined();
            }
            string store =
                Space == "shared"
                    ? $"mov.b64 %x3, -1; st.shared.v2.b64 [%x5], {{%x3, %x3}}; {name} [%x5], {operand}; bar.sync 0; ld.shared.v2.b64 {{%x3, %x4}}, [%x6];\n"
                    : $"mov.b64 %x3, -1; st.global.v2.b64 [%x8], {{%x3, %x3}}; {name} [%x8], {operand}; ld.global.v2.b64 {{%x3, %x4}}, [%x8];\n";
            return both + Parted() + store;
        }

        /// <summary>What comes out where the values go in, two words for each thread.</summary>
        public IEnumerable<ulong> Gives(ulong[] values, int count, int threads)
        {
            for (int i = 0; i < count; i++)
            {
                int other = i / threads * threads + (i % threads + 77) % threads;
                bool shared = Space == "shared" || (Space == Generic && Odd(values[2 * i]));
                int of = shared ? other : i;
                (ulong low, ulong high) = (values[2 * of], values[2 * of + 1]);
                int bits = Bits * Elements;
                if (Loads && Elements == 1)
                    (low, high) = (Loaded(low), 0);
                else
                {
                    ulong above = Loads ? 0 : ulong.MaxValue;
                    low = bits < 64 ? Merge(low, above, bits) : low;
                    high = bits < 128 ? above : high;
                }
                yield return low;
                yield return high;
            }

            static ulong Merge(ulong low, ulong above, int bits) =>
                (low & ((1UL << bits) - 1)) | (above << bits);
        }

        /// <summary>The bits that one element leaves in its register.</summary>
        public ulong Loaded(ulong value)
        {
            if (Bits == 64)
                return value;
            ulong element = value & ((1UL << Bits) - 1);
            return Type == "s8" && element > 127 ? element | 0xFF00 : element;
        }

        // Elements out of the two words, as bits alone.
        private string Parted() =>
            Elements == 1
                ? PtxBits.FromBits(Held, "%x1", "%e0")
                : (Elements, Bits) switch
                {
                    (2, 64) => "mov.b64 %e0, %x1; mov.b64 %e1, %x2;\n",
                    (2, 32) => "mov.b64 {%e0, %e1}, %x1;\n",
                    (4, 32) => "mov.b64 {%e0, %e1}, %x1; mov.b64 {%e2, %e3}, %x2;\n",
                    _ => throw new NotSupportedException($"{Elements} elements of {Bits} bits"),
                };

        private string Joined() =>
            Elements == 1
                ? PtxBits.ToBits(Held, "%e0", "%x3") + "mov.b64 %x4, 0;\n"
                : (Elements, Bits) switch
                {
                    (2, 64) => "mov.b64 %x3, %e0; mov.b64 %x4, %e1;\n",
                    (2, 32) => "mov.b64 %x3, {%e0, %e1}; mov.b64 %x4, 0;\n",
                    (4, 32) => "mov.b64 %x3, {%e0, %e1}; mov.b64 %x4, {%e2, %e3};\n",
                    _ => throw new NotSupportedException($"{Elements} elements of {Bits} bits"),
                };
    }
}
