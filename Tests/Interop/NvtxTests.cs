using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;
using Sequor.Tests.Examples;
using Sequor.Tests.Native;
using Sequor.Tests.Support;
using Sequor.VirtualGpu;
using static Sequor.VirtualGpu.ProfilerCallKind;

namespace Sequor.Tests.Interop;

/// <summary>Ranges and marks as a profiler gets them, and what is no profiler.</summary>
[TestFixture]
[NonParallelizable]
public sealed class NvtxTests
{
    private const uint Green = 0xFF76B900;

    [Test]
    public void A_profiler_is_told_domain_category_colour_number_and_nesting()
    {
        using VirtualProfiler profiler = VirtualProfiler.Start();
        using (NvtxDomain domain = NvtxDomain.Create("Mine", profiler.Attach())!)
        {
            uint forward = domain.Category("forward");
            uint backward = domain.Category("backward");
            NvtxEvent outer = domain.Event("step");
            NvtxEvent inner = domain.Event("[600,32,70] x [70,70], ä", forward, Green).With(42);
            NvtxEvent mark = domain.Event("here", backward);
            domain.Push(outer);
            domain.Push(inner);
            domain.Mark(mark);
            domain.Pop();
            domain.Pop();

            Assert.That(profiler.ClientVersion, Is.EqualTo(3));
            Assert.That(profiler.Domains, Is.EqualTo(new[] { "Mine" }));
            Assert.That(
                profiler.Categories,
                Is.EquivalentTo(
                    new Dictionary<(nint, uint), string>
                    {
                        [(1, 1)] = "forward",
                        [(1, 2)] = "backward",
                    }
                )
            );
            Assert.That(
                profiler.Calls.Select(c =>
                    (c.Kind, c.Text, c.Category, c.Color, c.Payload, c.Depth)
                ),
                Is.EqualTo(
                    new (ProfilerCallKind, string, uint, uint?, long?, int)[]
                    {
                        (Push, "step", 0, null, null, 0),
                        (Push, "[600,32,70] x [70,70], ä", 1, Green, 42, 1),
                        (Mark, "here", 2, null, null, 2),
                        (Pop, "[600,32,70] x [70,70], ä", 0, null, null, 2),
                        (Pop, "step", 0, null, null, 1),
                    }
                )
            );
            Assert.That(profiler.LiveDomains, Is.EqualTo(1));
        }
        Assert.That(profiler.LiveDomains, Is.EqualTo(0));
        Assert.That(profiler.Open, Is.EqualTo(0));
        Assert.That(profiler.Faults, Is.Empty);
    }

    [Test]
    public void A_range_of_the_process_may_overlap_others_and_end_on_another_thread()
    {
        using VirtualProfiler profiler = VirtualProfiler.Start();
        using NvtxDomain domain = NvtxDomain.Create("Mine", profiler.Attach())!;
        NvtxRange first = domain.Start(domain.Event("first"));
        NvtxRange second = domain.Start(domain.Event("second"));
        var other = new Thread(() => domain.End(first));
        other.Start();
        other.Join();
        domain.End(second);
        Assert.That(
            profiler.Calls.Select(c => (c.Kind, c.Text)),
            Is.EqualTo(
                new[] { (Start, "first"), (Start, "second"), (End, "first"), (End, "second") }
            )
        );
        Assert.That(
            profiler.Calls[2].Thread,
            Is.Not.EqualTo(profiler.Calls[1].Thread),
            "the end is of another thread"
        );
        Assert.That(profiler.Faults, Is.Empty);
    }

    [Test]
    public void A_text_is_registered_once()
    {
        using VirtualProfiler profiler = VirtualProfiler.Start();
        using NvtxDomain domain = NvtxDomain.Create("Mine", profiler.Attach())!;
        domain.Mark(domain.Event("a", color: 1));
        domain.Mark(domain.Event("b"));
        domain.Mark(domain.Event("a", color: 2));
        Assert.That(profiler.Texts, Is.EqualTo(new[] { "a", "b" }));
        Assert.That(profiler.Calls.Select(c => c.Text), Is.EqualTo(new[] { "a", "b", "a" }));
    }

    [Test]
    public void Ranges_allocate_nothing()
    {
        using VirtualProfiler profiler = VirtualProfiler.Start();
        using NvtxDomain domain = NvtxDomain.Create("Mine", profiler.Attach())!;
        NvtxEvent range = domain.Event("range");
        int runs = 0;
        Run();
        Assert.That(Allocated.LeastHere(Run), Is.Zero);
        Assert.That(profiler.Calls, Has.Count.EqualTo(runs * 5 * 1000));

        void Run()
        {
            runs++;
            for (int i = 0; i < 1000; i++)
            {
                domain.Push(range);
                domain.Mark(range.With(i));
                domain.Pop();
                domain.End(domain.Start(range));
            }
        }
    }

    [Test]
    public void Without_a_profiler_there_is_no_domain()
    {
        Assert.That(NvtxDomain.Create("Mine", null), Is.Null);
        Assert.That(() => NvtxDomain.Create("", null), Throws.ArgumentException);
    }

    [Test]
    public void The_process_of_the_tests_has_none_unless_it_runs_under_one()
    {
        if (Environment.GetEnvironmentVariable(NvtxInjection.Variable) is { Length: > 0 } path)
            Assert.Ignore($"the tests themselves run under {path}");
        Assert.That(NvtxDomain.Create("Mine"), Is.Null);
        Assert.That(NvtxDomain.Failure, Is.Null);
    }

    // An older tool: what it leaves null does nothing, and the rest works.
    [TestCase("nvtxDomainRegisterStringA")]
    [TestCase("nvtxDomainNameCategoryA")]
    [TestCase("nvtxDomainMarkEx")]
    [TestCase("nvtxDomainRangePushEx")]
    [TestCase("nvtxDomainRangePop")]
    [TestCase("nvtxDomainRangeStartEx")]
    [TestCase("nvtxDomainRangeEnd")]
    [TestCase("nvtxDomainCreateA")]
    [TestCase("nvtxDomainDestroy")]
    [TestCase("nvtxNameCuStreamA")]
    public void What_a_tool_does_not_listen_to_does_nothing(string function)
    {
        using VirtualProfiler profiler = VirtualProfiler.Start(without: [function]);
        NvtxInjection tool = profiler.Attach();
        Assert.That(tool.Find(function), Is.EqualTo((nint)0));
        using (NvtxDomain domain = NvtxDomain.Create("Mine", tool)!)
        {
            NvtxEvent range = domain.Event("range", domain.Category("kind"));
            domain.Push(range);
            domain.Pop();
            domain.End(domain.Start(range));
            domain.Mark(range);
        }
        ProfilerCallKind[] silent = function switch
        {
            "nvtxDomainMarkEx" => [Mark],
            "nvtxDomainRangePushEx" or "nvtxDomainRangePop" => [Push, Pop],
            "nvtxDomainRangeStartEx" or "nvtxDomainRangeEnd" => [Start, End],
            _ => [],
        };
        Assert.That(
            profiler.Calls.Select(c => c.Kind),
            Is.EqualTo(new[] { Push, Pop, Start, End, Mark }.Except(silent))
        );
        Assert.That(profiler.Calls.Select(c => c.Text), Is.All.EqualTo("range"));
        Assert.That(profiler.Faults, Is.Empty);
    }

    [Test]
    public void A_tool_that_listens_to_nothing_gives_no_domain()
    {
        using VirtualProfiler profiler = VirtualProfiler.Start(
            without:
            [
                .. Enum.GetNames<NvtxCallbackIdCore2>().Select(n => "nvtx" + n.Split('_')[^1]),
            ]
        );
        Assert.That(NvtxDomain.Create("Mine", profiler.Attach()), Is.Null);
    }

    [Test]
    public void A_domain_that_has_ended_does_nothing()
    {
        using VirtualProfiler profiler = VirtualProfiler.Start();
        NvtxDomain domain = NvtxDomain.Create("Mine", profiler.Attach())!;
        NvtxEvent range = domain.Event("range");
        domain.Dispose();
        domain.Dispose();
        domain.Push(range);
        domain.Pop();
        domain.End(domain.Start(range));
        domain.Mark(range);
        Assert.That(profiler.Calls, Is.Empty);
        Assert.That(profiler.Faults, Is.Empty);
        Assert.That(() => domain.Event("new"), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => domain.Category("new"), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void The_tool_that_the_environment_names_is_loaded_and_stays()
    {
        using VirtualProfiler profiler = VirtualProfiler.Start();
        FakeMachine machine = MachineWith(VirtualProfiler.Library);
        (NvtxInjection? tool, string? failure) = NvtxInjection.Load(machine);
        Assert.That(failure, Is.Null);
        Assert.That(tool!.Name, Is.EqualTo("/tools/lib.so"));
        Assert.That(tool.Find("nvtxDomainRangePushEx"), Is.Not.EqualTo(0));
        Assert.That(tool.Find("nvtxRangePushEx"), Is.EqualTo((nint)0));
        Assert.That(tool.Find("nvtxNothing"), Is.EqualTo((nint)0));
        Assert.That(machine.Unloaded, Is.Empty);
    }

    [Test]
    public void A_tool_that_refuses_is_unloaded_and_told_in_a_line()
    {
        using VirtualProfiler profiler = VirtualProfiler.Start(answer: 0);
        FakeMachine machine = MachineWith(VirtualProfiler.Library);
        (NvtxInjection? tool, string? failure) = NvtxInjection.Load(machine);
        Assert.That(tool, Is.Null);
        Assert.That(failure, Is.EqualTo("InitializeInjectionNvtx2 of /tools/lib.so gave 0"));
        Assert.That(machine.Unloaded, Is.EqualTo(new[] { "/tools/lib.so" }));
        Assert.That(profiler.Faults, Is.Empty);
    }

    [Test]
    public void A_library_without_the_entry_point_is_unloaded_and_told_in_a_line()
    {
        FakeMachine machine = new FakeMachine().With("/tools/lib.so", new FakeLibrary([]));
        machine.Variables[NvtxInjection.Variable] = "/tools/lib.so";
        (NvtxInjection? tool, string? failure) = NvtxInjection.Load(machine);
        Assert.That(tool, Is.Null);
        Assert.That(failure, Is.EqualTo("/tools/lib.so has no symbol InitializeInjectionNvtx2"));
        Assert.That(machine.Unloaded, Is.EqualTo(new[] { "/tools/lib.so" }));
    }

    [Test]
    public void A_library_that_is_not_there_is_told_in_a_line()
    {
        var machine = new FakeMachine();
        Assert.That(NvtxInjection.Load(machine), Is.EqualTo(((NvtxInjection?)null, (string?)null)));
        machine.Variables[NvtxInjection.Variable] = "/tools/none.so";
        (NvtxInjection? tool, string? failure) = NvtxInjection.Load(machine);
        Assert.That(tool, Is.Null);
        Assert.That(
            failure,
            Is.EqualTo(
                $"/tools/none.so, which {NvtxInjection.Variable} names, cannot be loaded: {FakeMachine.NoFile}"
            )
        );
    }

    [Test]
    public void The_example_runs_with_a_profiler_and_without()
    {
        int loads = 0;
        using VirtualProfiler profiler = VirtualProfiler.Start();
        try
        {
            NvtxInjection.StandIn(null);
            RangesOfAProfiler.Run(() => loads++);
            NvtxInjection.StandIn(profiler.Attach());
            RangesOfAProfiler.Run(() => loads++);
        }
        finally
        {
            NvtxInjection.EndStandIn();
        }
        Assert.That(loads, Is.EqualTo(2));
        Assert.That(
            profiler.Calls.Select(c => (c.Kind, c.Text, c.Color)),
            Is.EqualTo(
                new (ProfilerCallKind, string, uint?)[]
                {
                    (Push, "loading", 0xFF3366CC),
                    (Pop, "loading", null),
                }
            )
        );
        Assert.That(profiler.LiveDomains, Is.Zero);
    }

    private static FakeMachine MachineWith(INativeSymbols library)
    {
        nint entry = library.Find(NvtxInjection.EntryPoint);
        FakeMachine machine = new FakeMachine().With(
            "/tools/lib.so",
            new FakeLibrary(new() { [NvtxInjection.EntryPoint] = entry })
        );
        machine.Variables[NvtxInjection.Variable] = "/tools/lib.so";
        return machine;
    }
}
