using System.Buffers.Binary;
using System.Security.Cryptography;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Recording;

/// <summary>
/// Remembers launches as they were made, with what they found in memory. What they leave is found out when the recording is
/// made of some of them. May be used from any thread.
/// </summary>
internal sealed class LaunchRecorder
{
    private const int Alignment = 256;

    // Words of a region before the first and behind the last that was touched.
    private const int MostBeside = 1 << 14;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Candidate> _candidates = new(StringComparer.Ordinal);

    /// <summary>Launches of more words are remembered only while their kernel has none smaller.</summary>
    public int MostWords { get; init; } = 1 << 18;

    /// <summary>What was remembered: of launches of the same shape one, whichever order they came in.</summary>
    public IReadOnlyList<Candidate> Candidates
    {
        get
        {
            lock (_gate)
                return
                [
                    .. _candidates.OrderBy(c => c.Key, StringComparer.Ordinal).Select(c => c.Value),
                ];
        }
    }

    /// <summary>Runs a launch, and remembers it if it ends well.</summary>
    /// <exception cref="PtxFaultException">The kernel did something wrong.</exception>
    public void Run(PtxKernel kernel, PtxLaunch launch)
    {
        var memory = new WatchedMemory(launch.Memory);
        kernel.Launch(launch with { Memory = memory, Watch = memory });
        if (memory.TouchedHost)
            return;
        RecordedLaunch recorded = Launch(kernel, launch, memory);
        int words = recorded.Regions.Sum();
        string shape = Digest(recorded, withContent: false);
        string content = Digest(recorded, withContent: true);
        lock (_gate)
        {
            if (
                words > MostWords
                && _candidates.Values.Any(c => c.Launch.Kernel == kernel.Name && c.Words < words)
            )
                return;
            if (
                !_candidates.TryGetValue(shape, out Candidate? known)
                || string.CompareOrdinal(content, known.Content) < 0
            )
                _candidates[shape] = new Candidate(kernel, recorded, words, content);
        }
    }

    private static RecordedLaunch Launch(PtxKernel kernel, PtxLaunch launch, WatchedMemory memory)
    {
        var arguments = new List<byte[]>();
        var found = new List<(int Argument, int At, ulong Address)>();
        foreach (PtxParameter parameter in kernel.Parameters)
        {
            byte[] value = launch
                .Arguments.AsSpan((int)parameter.Offset, (int)parameter.Bytes)
                .ToArray();
            for (int at = 0; at + sizeof(ulong) <= value.Length; at += sizeof(ulong))
            {
                ulong address = BinaryPrimitives.ReadUInt64LittleEndian(value.AsSpan(at));
                if (memory.Find(address) is null)
                    continue;
                found.Add((arguments.Count, at, address));
                value.AsSpan(at, sizeof(ulong)).Clear();
            }
            arguments.Add(value);
        }
        // What is pointed to from memory is a region too, so all are found before any is numbered.
        WatchedRegion[] touched = [.. memory.Regions];
        var inside = new List<(WatchedRegion From, int Word, ulong Address)>();
        foreach (WatchedRegion region in touched)
        foreach (int word in region.Wide)
        {
            if (region.Before(word) is not { } low || region.Before(word + 1) is not { } high)
                continue;
            ulong address = low | (ulong)high << 32;
            if (memory.Find(address) is not null)
                inside.Add((region, word, address));
        }
        var regions = memory.Regions.ToList();
        int[] starts = [.. regions.Select(Start)];
        return new RecordedLaunch
        {
            Kernel = kernel.Name,
            Grid = (launch.Grid.X, launch.Grid.Y, launch.Grid.Z),
            Block = (launch.Block.X, launch.Block.Y, launch.Block.Z),
            DynamicSharedMemory = launch.SharedBytes,
            Arguments = arguments,
            ArgumentAddresses =
            [
                .. found.Select(f => new ArgumentAddress(f.Argument, f.At, Target(f.Address))),
            ],
            Regions = [.. regions.Select((r, i) => End(r) - starts[i])],
            Before = [.. regions.SelectMany((r, i) => Runs(r, i, starts[i]))],
            MemoryAddresses =
            [
                .. inside.Select(f =>
                {
                    int region = regions.IndexOf(f.From);
                    return new MemoryAddress(region, f.Word - starts[region], Target(f.Address));
                }),
            ],
            After = [],
            Unordered = [],
            Bound = 0,
            Sites = [.. memory.Sites],
        };

        RelocatedAddress Target(ulong address)
        {
            int region = regions.IndexOf(memory.Find(address)!);
            return new(region, (long)(address - regions[region].Address) - 4L * starts[region]);
        }
    }

    // From the allocation's begin to its end where they are near: in another order of blocks more may be touched.
    private static int Start(WatchedRegion region) =>
        region.Touched.Last < 0
            ? 0
            : Math.Max(0, region.Touched.First - MostBeside) / (Alignment / 4) * (Alignment / 4);

    private static int End(WatchedRegion region) =>
        Math.Min(region.Words, region.Touched.Last + 1 + MostBeside);

    private static IEnumerable<WordRun> Runs(WatchedRegion region, int index, int start)
    {
        var words = new List<uint>();
        for (int word = region.Touched.First; word <= region.Touched.Last + 1; word++)
        {
            if (word <= region.Touched.Last && region.Before(word) is { } value)
            {
                words.Add(value);
            }
            else if (words.Count > 0)
            {
                yield return new WordRun(
                    index,
                    word - words.Count - start,
                    WordKind.Bits,
                    [.. words]
                );
                words.Clear();
            }
        }
    }

    private static string Digest(RecordedLaunch launch, bool withContent)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        new RecordingWriter(writer).Write(
            new Recording(
                new Dictionary<string, string>(),
                [withContent ? launch : launch with { Before = [], Sites = [] }]
            )
        );
        return Convert.ToHexString(SHA256.HashData(stream.ToArray()));
    }
}

/// <summary>A launch that may be recorded.</summary>
/// <param name="Launch">Without what it leaves.</param>
/// <param name="Words">Of its regions together.</param>
/// <param name="Content">A digest of all of it.</param>
internal sealed record Candidate(
    PtxKernel Kernel,
    RecordedLaunch Launch,
    int Words,
    string Content
);
