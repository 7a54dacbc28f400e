using System.Runtime.InteropServices;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Recording;

/// <summary>
/// Runs a remembered launch again, several times with other orders of blocks, warps and writes, and finds what it leaves: what is
/// the same in all orders, and what is not.
/// </summary>
internal static unsafe class LaunchReenactment
{
    // Many blocks at a time, one at a time, and some as the seed has it.
    private static readonly (ulong Seed, int? BlocksAtOnce)[] Orders =
    [
        (1, null),
        (2, 1),
        (3, 6),
        (4, null),
        (5, 32),
    ];

    // Where no allocation of the launch's own run was, an odd multiple of 256.
    private const ulong Place = (1UL << 50) | 256;

    /// <summary>The launch with what it leaves.</summary>
    /// <exception cref="RecordingException">It leaves something else in another order, and does not say so.</exception>
    public static RecordedLaunch Complete(Candidate candidate, KernelPromises promises)
    {
        RecordedLaunch launch = candidate.Launch;
        var image = new LaunchImage(launch);
        uint[]? first = null;
        var varies = new HashSet<int>();
        var written = new SortedDictionary<int, WordKind>();
        foreach ((ulong seed, int? blocks) in Orders)
        {
            uint[] words = Run(candidate, image, seed, blocks, written);
            first ??= words;
            for (int i = 0; i < words.Length; i++)
            {
                if (
                    words[i] != first[i]
                    && !promises.Within(candidate.Kernel.Name, words[i], first[i])
                )
                    varies.Add(i);
            }
        }
        UnorderedWords[] unordered = [.. Unordered(launch, promises)];
        bool Free(int word) =>
            unordered.Any(u =>
                word >= image.Start(u.Region) + u.First
                && word < image.Start(u.Region) + u.First + u.Count
            );
        foreach (int word in varies.Order())
        {
            if (!Free(word))
                throw new RecordingException(
                    $"{launch.Kernel} with {launch.Grid} blocks leaves something else in another order of blocks, {Describe(launch, image, word)}; the kernel repeats, or the head of its source has to say which argument does not"
                );
        }
        if (varies.Count > 0)
            promises.Kept(launch.Kernel);
        return launch with
        {
            After = [.. Runs(launch, image, first!, written, Free)],
            Unordered = unordered,
            Bound = promises.Bound(launch.Kernel),
        };
    }

    private static uint[] Run(
        Candidate candidate,
        LaunchImage image,
        ulong seed,
        int? blocks,
        SortedDictionary<int, WordKind> written
    )
    {
        RecordedLaunch launch = candidate.Launch;
        uint[] words = image.Before(Place);
        ulong[] initialised = new ulong[words.Length / 64 + 1];
        foreach (WordRun run in launch.Before)
            for (int i = 0; i < run.Words.Length; i++)
                Set(initialised, image.Start(run.Region) + run.First + i);
        byte[] arguments = new byte[candidate.Kernel.ParameterBytes];
        byte[][] values = image.Arguments(Place);
        for (int i = 0; i < values.Length; i++)
            values[i].CopyTo(arguments, candidate.Kernel.Parameters[i].Offset);
        fixed (uint* data = words)
        fixed (ulong* bits = initialised)
        {
            var watched = new WatchedMemory(
                new OneRegion(new PtxRegion(Place, 4L * words.Length, (byte*)data, bits))
            );
            candidate.Kernel.Launch(
                new PtxLaunch
                {
                    Grid = new(launch.Grid.X, launch.Grid.Y, launch.Grid.Z),
                    Block = new(launch.Block.X, launch.Block.Y, launch.Block.Z),
                    SharedBytes = launch.DynamicSharedMemory,
                    Arguments = arguments,
                    Memory = watched,
                    Watch = watched,
                    Seed = seed,
                    BlocksAtOnce = blocks,
                }
            );
            foreach (WatchedRegion region in watched.Regions)
            {
                for (int word = 0; word < region.Words; word++)
                {
                    if (region.Written(word) is { } kind)
                        written[word] = kind;
                }
            }
        }
        return words;
    }

    private static IEnumerable<WordRun> Runs(
        RecordedLaunch launch,
        LaunchImage image,
        uint[] words,
        SortedDictionary<int, WordKind> written,
        Func<int, bool> free
    )
    {
        for (int region = 0; region < launch.Regions.Count; region++)
        {
            int start = image.Start(region);
            var run = new List<uint>();
            WordKind kind = default;
            int end = start + launch.Regions[region];
            for (int word = start; word <= end; word++)
            {
                WordKind next = default;
                bool goes = word < end && written.TryGetValue(word, out next) && !free(word);
                if (run.Count > 0 && (!goes || next != kind))
                {
                    yield return new WordRun(region, word - run.Count - start, kind, [.. run]);
                    run.Clear();
                }
                if (goes)
                {
                    kind = next;
                    run.Add(words[word]);
                }
            }
        }
    }

    // From where the argument points to where the next one does, or to the region's end.
    private static IEnumerable<UnorderedWords> Unordered(
        RecordedLaunch launch,
        KernelPromises promises
    )
    {
        foreach (ArgumentAddress at in launch.ArgumentAddresses)
        {
            if (!promises.IsUnordered(launch.Kernel, at.Argument))
                continue;
            int first = Math.Max(0, (int)(at.Target.Offset / 4));
            int end = launch
                .ArgumentAddresses.Where(o => o.Target.Region == at.Target.Region)
                .Select(o => (int)(o.Target.Offset / 4))
                .Where(word => word > first)
                .DefaultIfEmpty(launch.Regions[at.Target.Region])
                .Min();
            end = Math.Min(end, launch.Regions[at.Target.Region]);
            if (end > first)
                yield return new UnorderedWords(at.Target.Region, first, end - first);
        }
    }

    private static string Describe(RecordedLaunch launch, LaunchImage image, int word)
    {
        int region = Enumerable.Range(0, launch.Regions.Count).Last(r => image.Start(r) <= word);
        int offset = word - image.Start(region);
        return launch
            .ArgumentAddresses.Where(a =>
                a.Target.Region == region && a.Target.Offset <= 4L * offset
            )
            .OrderBy(a => a.Target.Offset)
            .Select(a => $"word {offset - a.Target.Offset / 4} behind its argument {a.Argument}")
            .LastOrDefault($"word {offset} of region {region}");
    }

    private static void Set(ulong[] bits, int at) => bits[at >> 6] |= 1UL << (at & 63);

    /// <summary>All of a launch's memory.</summary>
    private sealed class OneRegion(PtxRegion region) : IPtxMemory
    {
        public bool TryFind(
            ulong address,
            int bytes,
            out PtxRegion found,
            out PtxFaultKind kind,
            out string detail
        )
        {
            found = region;
            kind = PtxFaultKind.OutOfBounds;
            detail = "this lies beside the recorded memory";
            return address >= region.Address
                && address + (ulong)bytes <= region.Address + (ulong)region.Bytes;
        }
    }
}
