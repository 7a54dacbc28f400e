using Sequor.Native.Kernels;
using Sequor.Tests.Kernels;
using Sequor.VirtualGpu.Ptx;
using Sequor.VirtualGpu.Recording;

namespace Sequor.Tests.Replays;

/// <summary>Recordings of a few launches, for tests of what is done with them.</summary>
internal static class SmallRecording
{
    /// <summary>Two kernels of two modules, one of which sums over blocks and has floats that are no numbers.</summary>
    public static Recording Make()
    {
        var recorder = new LaunchRecorder();
        using var machine = new KernelMachine { Recorder = recorder };
        // From an address that is no multiple of 16.
        DeviceArray a = machine.Put(1f, 2f, 3f, 4f, 5f, 6f).From(1);
        DeviceArray b = machine.Put(1f, -2f, 0.5f, 1e-3f, float.NaN);
        machine.Launch("add", KernelGrid.Flat(5), a, b, machine.New(5), 5L);
        const int Rows = 5000;
        const int Columns = 3;
        KernelGrid grid = KernelGrid.ColumnSums(Rows, Columns);
        machine.Launch(
            "column_sum",
            grid,
            machine.Put([.. Enumerable.Range(0, Rows * Columns).Select(i => i * 0.25f)]),
            DeviceArray.Null,
            machine.Put(1f, 2f, 3f),
            (long)Rows,
            Columns,
            grid.Lanes,
            machine.New(2L * grid.Y * Columns),
            machine.Zeros(grid.X)
        );
        return RecordingMaker.Make(LaunchSelection.Of(recorder.Candidates), new KernelPromises([]));
    }

    /// <summary>Its bytes before they are compressed.</summary>
    public static byte[] Payload()
    {
        using var stream = new MemoryStream();
        using (var writer = new BinaryWriter(stream))
            new RecordingWriter(writer).Write(Make());
        return stream.ToArray();
    }

    /// <summary>A kernel of this PTX.</summary>
    public static PtxKernel Kernel(string parameters, string body) =>
        PtxModule
            .Parse(
                $$"""
                .version 7.8
                .target sm_75
                .address_size 64
                .visible .entry made({{parameters}})
                {
                .reg .pred %p<4>;
                .reg .b32 %r<8>;
                .reg .f32 %f<4>;
                .reg .b64 %rd<8>;
                {{body}}
                ret;
                }
                """
            )
            .Kernels["made"];
}
