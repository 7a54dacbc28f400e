using System.Runtime.InteropServices;

namespace Sequor.VirtualGpu.Recording;

/// <summary>Writes a recording's payload; <see cref="RecordingReader"/> has the same fields in the same order.</summary>
internal sealed class RecordingWriter(BinaryWriter writer)
{
    public void Write(Recording recording)
    {
        writer.Write(recording.Modules.Count);
        foreach (
            (string module, string hash) in recording.Modules.OrderBy(
                m => m.Key,
                StringComparer.Ordinal
            )
        )
        {
            writer.Write(module);
            writer.Write(hash);
        }
        writer.Write(recording.Launches.Count);
        foreach (RecordedLaunch launch in recording.Launches)
            Write(launch);
    }

    private void Write(RecordedLaunch launch)
    {
        writer.Write(launch.Kernel);
        Write(launch.Grid);
        Write(launch.Block);
        writer.Write(launch.DynamicSharedMemory);
        writer.Write(launch.Bound);
        All(
            launch.Arguments,
            argument =>
            {
                writer.Write((byte)argument.Length);
                writer.Write(argument);
            }
        );
        All(
            launch.ArgumentAddresses,
            at =>
            {
                writer.Write(at.Argument);
                writer.Write(at.At);
                Write(at.Target);
            }
        );
        All(launch.Regions, writer.Write);
        All(launch.Before, Write);
        All(
            launch.MemoryAddresses,
            at =>
            {
                writer.Write(at.Region);
                writer.Write(at.Word);
                Write(at.Target);
            }
        );
        All(launch.After, Write);
        All(
            launch.Unordered,
            words =>
            {
                writer.Write(words.Region);
                writer.Write(words.First);
                writer.Write(words.Count);
            }
        );
        All(launch.Sites, writer.Write);
    }

    private void Write((uint X, uint Y, uint Z) size)
    {
        writer.Write(size.X);
        writer.Write(size.Y);
        writer.Write(size.Z);
    }

    private void Write(RelocatedAddress target)
    {
        writer.Write(target.Region);
        writer.Write(target.Offset);
    }

    private void Write(WordRun run)
    {
        writer.Write(run.Region);
        writer.Write(run.First);
        writer.Write((byte)run.Kind);
        writer.Write(run.Words.Length);
        writer.Write(MemoryMarshal.AsBytes(run.Words.AsSpan()));
    }

    private void All<T>(IReadOnlyList<T> items, Action<T> write)
    {
        writer.Write(items.Count);
        foreach (T item in items)
            write(item);
    }
}
