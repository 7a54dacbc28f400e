using System.Runtime.InteropServices;

namespace Sequor.VirtualGpu;

/// <summary>
/// Wrong results on purpose: of work with some name every number that it changed becomes another one, as a defect of a card or of a
/// library would make it. Of a single value and a single algorithm: <see cref="VirtualEffect.IsWrong"/>.
/// </summary>
/// <param name="Work">The work's name: a kernel's, or the header's name of a call.</param>
/// <param name="OnlyReplayed">Work of graphs alone; the same work beside graphs is right.</param>
internal sealed unsafe record Distortion(string Work, bool OnlyReplayed)
{
    // Larger ones are scratch of libraries, and copying them for each launch takes long.
    private const long MostBytes = 16 << 20;

    // What is outside is most likely a counter, a mark or a list of bits.
    private const float Smallest = 1e-20f;
    private const float Largest = 1e20f;

    /// <summary>Whether some work is meant.</summary>
    public bool Meets(WorkItem item) => item.Name == Work && (item.IsReplayed || !OnlyReplayed);

    /// <summary>Runs the work, and changes what it has written.</summary>
    public static void Run(DeviceMemory memory, Action work)
    {
        DeviceAllocation[] live = [.. memory.Live.Where(a => a.Live && a.Bytes <= MostBytes)];
        uint[][] before = [.. live.Select(a => Values(a).ToArray())];
        work();
        for (int i = 0; i < live.Length; i++)
        {
            if (!live[i].Live)
                continue;
            Span<uint> now = Values(live[i]);
            for (int word = 0; word < now.Length; word++)
            {
                // What is scribbled over counts as never written, and is read by nobody.
                if (now[word] == before[i][word] || !live[i].Words[word])
                    continue;
                ref float value = ref MemoryMarshal.Cast<uint, float>(now.Slice(word, 1))[0];
                if (value == 0 || MathF.Abs(value) is > Smallest and < Largest)
                    value += 0.25f * MathF.Max(1, MathF.Abs(value));
            }
        }
    }

    private static Span<uint> Values(DeviceAllocation allocation) =>
        new(allocation.Data, checked((int)(allocation.Bytes / sizeof(uint))));
}
