using NUnit.Framework;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>Counts, sizes and nesting have bounds, so that no text ends the process or asks for memory beyond its length.</summary>
[TestFixture]
public sealed class PtxBoundTests
{
    private const string Head = ".version 7.8\n.target sm_75\n.address_size 64\n";

    private static string Kernel(string body, string directives = "") =>
        $"{Head}.visible .entry k(.param .u64 y){directives}\n{{\n{body}\nret;\n}}\n";

    private static PtxException Refused(string text) =>
        Assert.Throws<PtxException>(() => PtxModule.Parse(text))!;

    [TestCase(64, true)]
    [TestCase(65, false)]
    [TestCase(200_000, false)]
    public void Braces_nest_so_deep(int braces, bool supported)
    {
        // The kernel's own are the first.
        string text = Kernel(new string('{', braces - 1) + new string('}', braces - 1));
        if (supported)
            PtxModule.Parse(text);
        else
            Assert.That(Refused(text).Message, Does.Contain("more than 64 others"));
    }

    [TestCase('!')]
    [TestCase('{')]
    [TestCase('[')]
    [TestCase('-')]
    [TestCase('@')]
    [TestCase(':')]
    [TestCase('|')]
    public void Marks_of_an_operand_do_not_nest(char mark)
    {
        Refused(Kernel($".reg .b32 %r<9>;\nadd.s32 {new string(mark, 200_000)}%r1, %r2, %r3;"));
        Refused(Kernel($"{new string(mark, 200_000)} ret;".Insert(0, mark == '{' ? "x." : "")));
    }

    [Test]
    public void A_word_of_any_length_is_shortened_in_messages() =>
        Assert.That(
            Refused(Kernel($"{new string('x', 200_000)} %r1;")).Message,
            Has.Length.LessThan(400)
        );

    // Of a million registers those that are used take memory, in the parser and in every thread.
    [Test]
    public void Registers_that_nothing_uses_take_no_memory()
    {
        string text = Kernel(
            ".reg .b32 %r<1000000>; .reg .pred %p<16777216>;\nmov.u32 %r999999, 1;\nadd.s32 %r7, %r999999, 2;"
        );
        PtxModule.Parse(text);
        long before = GC.GetAllocatedBytesForCurrentThread();
        PtxModule module = PtxModule.Parse(text);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1 << 20));
        Assert.That(
            module.Kernels["k"].Registers.Select(r => r.Name),
            Is.EqualTo(new[] { "%r999999", "%r7" })
        );
    }

    [TestCase("16777217")]
    [TestCase("0x7fffffffffffffff")]
    [TestCase("0xffffffffffffffff")]
    [TestCase("-1")]
    public void More_registers_than_any_compiler_names_are_refused(string count) =>
        Assert.That(
            Refused(Kernel($".reg .pred %q<{count}>;")).Message,
            Does.Contain("'%q'").And.Contain("0 to 16777216")
        );

    [TestCase("%r<9>; .reg .b32 %r8", true)]
    [TestCase("%r<9>; .reg .b32 %r9", false)]
    [TestCase("%r8; .reg .b32 %r<9>", true)]
    [TestCase("%r9; .reg .b32 %r<9>", false)]
    [TestCase("%r08; .reg .b32 %r<9>", false)]
    [TestCase("%r<9>; .reg .b32 %r<2>", true)]
    [TestCase("%r<11>; .reg .b32 %r1<2>", true)]
    [TestCase("%r<10>; .reg .b32 %r1<2>", false)]
    [TestCase("%r1<2>; .reg .b32 %r<11>", true)]
    [TestCase("%r1<2>; .reg .b32 %r<10>", false)]
    [TestCase("%r<0>; .reg .b32 %r<3>", false)]
    [TestCase("%a, %a", true)]
    public void A_register_that_is_there_twice_is_told(string registers, bool twice)
    {
        string text = Kernel($".reg .b32 {registers};");
        if (twice)
            Assert.That(Refused(text).Message, Does.Contain("declared twice"));
        else
            PtxModule.Parse(text);
    }

    [TestCase("")]
    [TestCase("bra;", "bra")]
    [TestCase("bra %p0;", "%p0")]
    public void A_kernel_may_be_empty_and_a_branch_must_lead_somewhere(
        string body,
        string? what = null
    )
    {
        string text = $"{Head}.entry k()\n{{\n{body}\n}}\n";
        if (what is null)
            PtxModule.Parse(text);
        else
            Assert.That(Refused(text).What, Is.EqualTo(what));
    }

    [Test]
    public void Two_kernels_of_one_name_are_refused() =>
        Assert.That(
            Refused($"{Head}.entry k() {{ ret; }}\n.entry k() {{ ret; }}").Message,
            Is.EqualTo("PTX line 5: 'k' is declared twice")
        );

    [TestCase("0")]
    [TestCase("3")]
    [TestCase("-4")]
    [TestCase("131072")]
    [TestCase("4294967300")]
    public void An_alignment_is_a_power_of_two(string alignment)
    {
        Assert.That(
            Refused($"{Head}.global .align {alignment} .b8 a[8];").Message,
            Does.Contain("power of two")
        );
        Refused(Kernel($".shared .align {alignment} .b8 a[8];"));
        Refused($"{Head}.entry k(.param .align {alignment} .b8 a[8]) {{ ret; }}");
        Refused($"{Head}.entry k(.param .u64 .ptr .align {alignment} a) {{ ret; }}");
    }

    [TestCase(".shared .b8 a[49153];", "49152")]
    [TestCase(".shared .b8 a[40000]; .shared .b8 b[40000];", "49152")]
    [TestCase(".local .b8 a[0x7fffffffffffffff];", "elements")]
    [TestCase(".local .b64 a[1099511627776];", "bytes")]
    [TestCase(".local .b8 a[1099511627776][1099511627776];", "bytes")]
    [TestCase(".local .b8 a[-4];", "elements")]
    [TestCase(".global .b8 a[268435457];", "268435456")]
    [TestCase(".global .b8 a[2] = {1, 2, 3};", "initial values")]
    public void Variables_have_a_largest_size(string variable, string part) =>
        Assert.That(Refused(Kernel(variable)).Message, Does.Contain(part));

    // A launch cannot have it, but a text may.
    [Test]
    public void A_tebibyte_of_local_memory_is_assembled()
    {
        PtxModule module = PtxModule.Parse(Kernel(".local .b8 a[1099511627776];"));
        Assert.That(module.Kernels["k"].LocalBytes, Is.EqualTo(1L << 40));
        using var heap = new PtxHeap();
        Assert.That(
            () =>
                module
                    .Kernels["k"]
                    .Launch(
                        new PtxLaunch
                        {
                            Grid = new(1),
                            Block = new(1),
                            Memory = heap,
                            Arguments = new byte[8],
                        }
                    ),
            Throws.ArgumentException.With.Message.Contains("local memory")
        );
    }

    [TestCase(".param .b8 s[4352]", true)]
    [TestCase(".param .b8 s[4353]", false)]
    [TestCase(".param .b8 s[4352], .param .b8 t", false)]
    [TestCase(".param .b8 s[4611686018427387904]", false)]
    public void Parameters_take_4352_bytes_at_most(string parameters, bool supported)
    {
        string text = $"{Head}.entry k({parameters}) {{ ret; }}";
        if (supported)
            PtxModule.Parse(text);
        else
            Assert.That(Refused(text).Message, Does.Contain("4352"));
    }

    // More than a launch can have may be written down.
    [TestCase("1024", true)]
    [TestCase("32, 32", true)]
    [TestCase("0", false)]
    [TestCase("33, 32", true)]
    [TestCase("1024, 1024, 4294967294", true)]
    [TestCase("-1, -1", false)]
    [TestCase("4294967295", false)]
    [TestCase("4294967296, 4294967296", false)]
    public void Threads_have_a_number_that_fits(string threads, bool supported)
    {
        foreach (string directive in (string[])[".maxntid", ".reqntid"])
        {
            string text = Kernel("", $" {directive} {threads}");
            if (supported)
                PtxModule.Parse(text);
            else
                Assert.That(Refused(text).What, Is.EqualTo(directive));
        }
    }
}
