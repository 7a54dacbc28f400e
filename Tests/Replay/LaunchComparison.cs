using Sequor.VirtualGpu.Recording;

namespace Sequor.Replay;

/// <summary>Compares what launches of a kernel leave with what was recorded.</summary>
internal sealed class LaunchComparison
{
    private long _bytes;
    private long _differing;
    private long _stray;
    private double? _largest;
    private string? _first;
    private bool _bounded;

    /// <summary>Compares a launch's memory, all of it: what it should not have written as well.</summary>
    public void Add(RecordedLaunch launch, uint[] after)
    {
        var image = new LaunchImage(launch);
        _bytes += launch.ComparedBytes;
        _bounded |= launch.Bound > 0;
        // Where memory lies is the device's: addresses in it are no content.
        uint[] before = image.Before(0);
        bool[] known = new bool[after.Length];
        foreach (MemoryAddress at in launch.MemoryAddresses)
            known.AsSpan(image.Start(at.Region) + at.Word, 2).Fill(true);
        foreach (UnorderedWords words in launch.Unordered)
            known.AsSpan(image.Start(words.Region) + words.First, words.Count).Fill(true);
        foreach (WordRun run in launch.After)
        {
            int start = image.Start(run.Region) + run.First;
            known.AsSpan(start, run.Words.Length).Fill(true);
            Compare(launch, run, after.AsSpan(start, run.Words.Length));
        }
        for (int i = 0; i < after.Length; i++)
        {
            if (known[i] || after[i] == before[i])
                continue;
            _stray++;
            _first ??= $"{Shape(launch)} wrote where nothing was to be written";
        }
    }

    public KernelResult Result(string kernel, int launches) =>
        new(
            kernel,
            launches,
            _bytes,
            _differing + _stray,
            _largest is { } largest && double.IsFinite(largest) ? largest : null,
            _differing + _stray > 0 ? KernelResult.Different
                : _bounded ? KernelResult.Within
                : KernelResult.Equal,
            _differing + _stray > 0 ? _first : null
        );

    private void Compare(RecordedLaunch launch, WordRun run, ReadOnlySpan<uint> words)
    {
        int each = run.Kind == WordKind.Double ? 2 : 1;
        for (int i = 0; i + each <= words.Length; i += each)
        {
            (bool matches, double? difference) =
                each == 2
                    ? Double(launch, Pair(words, i), Pair(run.Words, i))
                    : Single(launch, run.Kind, words[i], run.Words[i]);
            if (difference is { } d && !(d <= _largest))
                _largest = d;
            if (matches)
                continue;
            _differing++;
            _first ??=
                $"{Shape(launch)}: {Text(run.Kind, words, i)} and not {Text(run.Kind, run.Words, i)}";
        }
    }

    private static (bool, double?) Single(
        RecordedLaunch launch,
        WordKind kind,
        uint word,
        uint recorded
    ) =>
        (
            WordComparison.Matches(kind, word, recorded, launch.Bound),
            kind == WordKind.Single && word != recorded
                ? Math.Abs(
                    (double)BitConverter.UInt32BitsToSingle(word)
                        - BitConverter.UInt32BitsToSingle(recorded)
                )
                : null
        );

    private static (bool, double?) Double(RecordedLaunch launch, ulong words, ulong recorded) =>
        (
            WordComparison.Matches(words, recorded, launch.Bound),
            words != recorded
                ? Math.Abs(
                    BitConverter.UInt64BitsToDouble(words)
                        - BitConverter.UInt64BitsToDouble(recorded)
                )
                : null
        );

    private static ulong Pair(ReadOnlySpan<uint> words, int at) =>
        words[at] | (ulong)words[at + 1] << 32;

    private static string Text(WordKind kind, ReadOnlySpan<uint> words, int at) =>
        kind switch
        {
            WordKind.Single => FormattableString.Invariant(
                $"{BitConverter.UInt32BitsToSingle(words[at]):R} (0x{words[at]:x8})"
            ),
            WordKind.Double => FormattableString.Invariant(
                $"{BitConverter.UInt64BitsToDouble(Pair(words, at)):R} (0x{Pair(words, at):x16})"
            ),
            _ => $"0x{words[at]:x8}",
        };

    private static string Shape(RecordedLaunch launch) =>
        $"{launch.Grid.X} x {launch.Grid.Y} blocks of {launch.Block.X}";
}
