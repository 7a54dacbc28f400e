using Sequor.VirtualGpu.Recording;

namespace Sequor.Replay;

/// <summary>Where recordings are, and whether they are of this build's kernels.</summary>
internal static class RecordingPlace
{
    /// <summary>The recording beside the program, as a bundle has it.</summary>
    public static string Own => Path.Combine(AppContext.BaseDirectory, "launches.recording");

    /// <summary>Reads a recording; the one beside the program is made where it is missing or of other kernels.</summary>
    /// <param name="path">The file; null for the one beside the program.</param>
    /// <exception cref="UsageException">It cannot be read, or is of other kernels; the message says why.</exception>
    public static (Recording Recording, long Bytes) Read(string? path)
    {
        if (path is null && !IsCurrent(Own))
            RecordingRun.Make(Own);
        path ??= Own;
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{path} cannot be read: {e.Message}");
        }
        try
        {
            Recording recording = RecordingFile.Read(bytes);
            return Foreign(recording) is { } reason
                ? throw new UsageException($"{path}: {reason}")
                : (recording, bytes.Length);
        }
        catch (RecordingException e)
        {
            throw new UsageException($"{path}: {e.Message}");
        }
    }

    private static bool IsCurrent(string path)
    {
        try
        {
            return File.Exists(path)
                && Foreign(RecordingFile.Read(File.ReadAllBytes(path))) is null;
        }
        catch (RecordingException)
        {
            return false;
        }
    }

    private static string? Foreign(Recording recording)
    {
        foreach ((string module, string hash) in recording.Modules)
        {
            if (!RecordingMaker.Modules.TryGetValue(module, out string? own))
                return $"it has launches of the module {module}, which this build has not; record makes another";
            if (own != hash)
                return $"it was made of another {module}.ptx ({hash[..8]}; this build's is {own[..8]}); record makes another";
        }
        return
            recording
                .Launches.Select(l => l.Kernel)
                .FirstOrDefault(k => !Sequor.Native.Kernels.KernelImages.AllKernels.Contains(k))
                is { } kernel
            ? $"it has launches of {kernel}, which this build has not; record makes another"
            : null;
    }
}
