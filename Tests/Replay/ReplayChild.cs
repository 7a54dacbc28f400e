using System.Text.Json;
using Sequor.Interop;
using Sequor.VirtualGpu.Recording;

namespace Sequor.Replay;

/// <summary>
/// The process that launches: it says which kernel it begins and what came of it, a line each, and ends when the context is lost.
/// </summary>
internal static class ReplayChild
{
    /// <summary>Before the GPU's name.</summary>
    public const string Device = "device ";

    /// <summary>Before the name of a kernel.</summary>
    public const string Begin = "begin ";

    public static int Run(ReplayOptions options)
    {
        Recording recording = RecordingFile.Read(File.ReadAllBytes(options.File!));
        using var device = ReplayDevice.Find(options.Virtual);
        Say(Device + device.Name);
        using CudaContext context = CudaContext.Primary(device.Libraries.Device());
        using var replay = new KernelReplay(context, recording);
        foreach (string kernel in options.Kernels)
        {
            Say(Begin + kernel);
            KernelResult result = replay.Run(kernel);
            Say(JsonSerializer.Serialize(result, ReplayJson.Default.KernelResult));
            if (context.Lost is not null)
                return ReplayProgram.Different;
        }
        return ReplayProgram.Equal;
    }

    private static void Say(string line)
    {
        Console.Out.WriteLine(line);
        Console.Out.Flush();
    }
}
