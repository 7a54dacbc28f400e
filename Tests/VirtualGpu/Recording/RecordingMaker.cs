using System.Security.Cryptography;
using System.Text;
using Sequor.Native.Kernels;

namespace Sequor.VirtualGpu.Recording;

/// <summary>Makes the recording of Sequor's kernels of what a recorder remembers.</summary>
internal static class RecordingMaker
{
    /// <summary>The SHA-256 of each module's PTX, as it is in this build.</summary>
    public static IReadOnlyDictionary<string, string> Modules { get; } =
        KernelImages.Names.ToDictionary(
            name => name,
            name => Convert.ToHexStringLower(SHA256.HashData(KernelImages.Image(name))),
            StringComparer.Ordinal
        );

    /// <summary>The recording.</summary>
    /// <exception cref="RecordingException">A kernel is missing, or does not keep what the head of its source says.</exception>
    public static Recording Make(LaunchRecorder recorder)
    {
        var promises = KernelPromises.OfSources();
        Recording recording = Make(
            LaunchSelection.Of(
                recorder.Candidates.Where(c => KernelImages.AllKernels.Contains(c.Launch.Kernel))
            ),
            promises
        );
        string[] missing =
        [
            .. KernelImages
                .AllKernels.Except(recording.Launches.Select(l => l.Kernel))
                .Order(StringComparer.Ordinal),
        ];
        if (missing.Length > 0)
            throw new RecordingException(
                $"no launch was seen of {string.Join(", ", missing)}; a kernel has a test in Tests/Backends/Kernels"
            );
        string[] idle =
        [
            .. promises
                .UnorderedKernels.Except(promises.SeenUnordered)
                .Order(StringComparer.Ordinal),
        ];
        if (idle.Length > 0)
            throw new RecordingException(
                $"the heads of the sources say that what {string.Join(", ", idle)} leaves depends on the order of blocks, and it does not"
            );
        return recording;
    }

    /// <summary>A recording of these launches.</summary>
    /// <exception cref="RecordingException">A kernel does not keep its promises.</exception>
    public static Recording Make(IEnumerable<Candidate> candidates, KernelPromises promises)
    {
        RecordedLaunch[] launches =
        [
            .. candidates.Select(c => LaunchReenactment.Complete(c, promises)),
        ];
        return new Recording(
            launches
                .Select(l => KernelImages.ModuleOf(l.Kernel))
                .Distinct()
                .ToDictionary(name => name, name => Modules[name], StringComparer.Ordinal),
            launches
        );
    }
}
