using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;
using Sequor.Tests.Kernels;
using Sequor.VirtualGpu.Ptx;
using Sequor.VirtualGpu.Recording;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;
using VirtualOptions = Sequor.VirtualGpu.VirtualOptions;

namespace Sequor.Tests.Replays;

/// <summary>What is remembered of launches, and what a recording makes of it.</summary>
[TestFixture]
[NonParallelizable]
public sealed class LaunchRecorderTests
{
    private static readonly KernelPromises None = new([]);

    // table[0] points to a value, which goes to where table[1] points.
    private const string Table = """
        ld.param.u64 %rd1, [made_param_0];
        ld.global.u64 %rd2, [%rd1];
        ld.global.u64 %rd3, [%rd1+8];
        ld.global.f32 %f1, [%rd2];
        st.global.f32 [%rd3], %f1;
        """;

    // Each block writes its number: the last one's stays.
    private const string Race = """
        ld.param.u64 %rd1, [made_param_0];
        mov.u32 %r1, %ctaid.x;
        st.global.u32 [%rd1], %r1;
        """;

    [Test]
    public void Addresses_in_memory_lie_where_the_memory_does()
    {
        PtxKernel kernel = SmallRecording.Kernel(".param .u64 made_param_0", Table);
        using var machine = new KernelMachine();
        DeviceArray from = machine.Put(1f, 7f);
        DeviceArray to = machine.New(3);
        DeviceArray table = machine.Put(from.Address + 4, to.Address + 8);
        Candidate candidate = Run(kernel, machine, table.Address);
        RecordedLaunch launch = LaunchReenactment.Complete(candidate, None);

        Assert.That(
            launch.MemoryAddresses.Select(a => (a.Word, a.Target.Offset)),
            Is.EqualTo(new[] { (0, 4L), (2, 8L) })
        );
        WordRun left = launch.After.Single();
        Assert.That(left.Words, Is.EqualTo(new[] { BitConverter.SingleToUInt32Bits(7f) }));
        Assert.That(left.First, Is.EqualTo(2));
        var image = new LaunchImage(launch);
        uint[] elsewhere = image.Before(0x7000_0000_0100);
        int at = image.Start(launch.MemoryAddresses[0].Region);
        Assert.That(
            elsewhere[at] | (ulong)elsewhere[at + 1] << 32,
            Is.EqualTo(
                0x7000_0000_0100UL
                    + 4UL * (ulong)image.Start(launch.MemoryAddresses[0].Target.Region)
                    + 4
            )
        );
    }

    [Test]
    public void What_depends_on_the_order_of_blocks_has_to_be_said()
    {
        PtxKernel kernel = SmallRecording.Kernel(".param .u64 made_param_0", Race);
        using var machine = new KernelMachine();
        Candidate candidate = Run(kernel, machine, machine.New(2).Address, blocks: 40);
        Assert.That(
            () => LaunchReenactment.Complete(candidate, None),
            Throws
                .TypeOf<RecordingException>()
                .With.Message.Contains("made with (40, 1, 1) blocks")
                .And.Message.Contains("word 0 behind its argument 0")
        );
        var said = new KernelPromises(["// Replay: made argument 0 (place): unordered\n"]);
        RecordedLaunch launch = LaunchReenactment.Complete(candidate, said);
        Assert.That(launch.After, Is.Empty);
        Assert.That(launch.Unordered, Is.EqualTo(new[] { new UnorderedWords(0, 0, 2) }));
        Assert.That(said.SeenUnordered, Is.EqualTo(new[] { "made" }));
    }

    [Test]
    public void A_line_of_a_head_that_is_not_understood_is_told() =>
        Assert.That(
            () => new KernelPromises(["// Replay: made: about 1e-6\n"]),
            Throws.TypeOf<RecordingException>().With.Message.Contains("made: about 1e-6")
        );

    [Test]
    public void Launches_of_one_shape_are_one_whichever_comes_first()
    {
        PtxKernel kernel = SmallRecording.Kernel(".param .u64 made_param_0", Table);
        string[] kept =
        [
            .. new[] { new[] { 1f, 2f, 3f }, [3f, 1f, 2f] }.Select(order =>
            {
                var recorder = new LaunchRecorder();
                foreach (float value in order)
                {
                    using var machine = new KernelMachine();
                    DeviceArray from = machine.Put(value);
                    DeviceArray table = machine.Put(from.Address, machine.New(1).Address);
                    Run(kernel, machine, table.Address, recorder: recorder);
                }
                return recorder.Candidates.Single().Content;
            }),
        ];
        Assert.That(kept[0], Is.EqualTo(kept[1]));
    }

    [Test]
    public void Large_launches_stay_only_where_there_is_none_smaller()
    {
        PtxKernel kernel = SmallRecording.Kernel(".param .u64 made_param_0", Race);
        var recorder = new LaunchRecorder { MostWords = 8 };
        foreach (int size in (int[])[40, 30, 50])
        {
            using var machine = new KernelMachine();
            Run(kernel, machine, machine.New(size).Address, recorder: recorder);
        }
        Assert.That(recorder.Candidates.Select(c => c.Words), Has.None.EqualTo(50));
    }

    [Test]
    public void A_run_on_the_virtual_gpu_is_recorded()
    {
        var recorder = new LaunchRecorder();
        using var device = VirtualDevice.Start(
            new VirtualOptions { Kernels = new PtxEngine { Recorder = recorder } }
        );
        CudaLibraries libraries = CudaLibraries.Load(
            new NativeLibraryOptions { Resolve = kind => device.Symbols(kind) }
        );
        using (CudaContext context = CudaContext.Primary(libraries.Device()))
        using (CudaStream stream = context.CreateStream())
        using (
            CudaModule module = context.LoadModule(
                Sequor.Native.Kernels.KernelImages.Image("pointwise")
            )
        )
        using (DeviceBuffer<float> memory = context.Allocate<float>(1000, "test"))
        {
            memory.Span.CopyFrom(new float[1000], stream);
            module
                .Kernel("add")
                .Launch(
                    stream,
                    1,
                    256,
                    0,
                    memory.Slice(100, 9),
                    memory.Slice(500, 9),
                    memory.Slice(100, 9),
                    9L
                );
            stream.Synchronize();
        }
        RecordedLaunch launch = recorder.Candidates.Single().Launch;
        Assert.That(launch.Kernel, Is.EqualTo("add"));
        Assert.That(launch.Regions, Has.Count.EqualTo(1), "one allocation");
        Assert.That(
            launch.ArgumentAddresses.Select(a => a.Target.Offset),
            Is.EqualTo(new[] { 400L, 2000L, 400L })
        );
        Assert.That(launch.Before.Sum(r => r.Words.Length), Is.EqualTo(18));
        device.AssertClean();
    }

    private static Candidate Run(
        PtxKernel kernel,
        KernelMachine machine,
        ulong argument,
        uint blocks = 1,
        LaunchRecorder? recorder = null
    )
    {
        recorder ??= new LaunchRecorder();
        recorder.Run(
            kernel,
            new PtxLaunch
            {
                Grid = new PtxDim3(blocks),
                Block = new PtxDim3(1),
                Arguments = BitConverter.GetBytes(argument),
                Memory = machine,
                Seed = 3,
            }
        );
        return recorder.Candidates[0];
    }
}
