using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;

namespace Sequor.VirtualGpu.Recording;

/// <summary>
/// What the heads of the kernels' sources say about the same launch elsewhere. By default it leaves the same bits. A line
/// <c>// Replay: KERNEL argument N (NAME): unordered</c> says that what an argument points to depends on the order of blocks;
/// <c>// Replay: KERNEL: within B</c>, of a kernel with approximate instructions, that a float may be off by B times the larger of 1
/// and its size, as the PTX manual bounds them.
/// </summary>
internal sealed partial class KernelPromises
{
    private readonly Dictionary<string, double> _bounds = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HashSet<int>> _unordered = new(StringComparer.Ordinal);
    private readonly HashSet<string> _kept = new(StringComparer.Ordinal);

    /// <summary>Reads promises.</summary>
    /// <param name="sources">The texts of sources.</param>
    /// <exception cref="RecordingException">A line is none that is known.</exception>
    public KernelPromises(IEnumerable<string> sources)
    {
        foreach (string source in sources)
        foreach (Match line in Line().Matches(source))
        {
            string text = line.Groups[1].Value.Trim();
            if (Unordered().Match(text) is { Success: true } unordered)
            {
                string kernel = unordered.Groups[1].Value;
                if (!_unordered.TryGetValue(kernel, out HashSet<int>? arguments))
                    _unordered.Add(kernel, arguments = []);
                arguments.Add(int.Parse(unordered.Groups[2].Value, CultureInfo.InvariantCulture));
            }
            else if (Within().Match(text) is { Success: true } within)
            {
                _bounds.Add(
                    within.Groups[1].Value,
                    double.Parse(within.Groups[2].Value, CultureInfo.InvariantCulture)
                );
            }
            else
            {
                throw new RecordingException(
                    $"'// Replay: {text}' is neither 'KERNEL argument N (NAME): unordered' nor 'KERNEL: within B'"
                );
            }
        }
    }

    /// <summary>Those of Sequor's kernels, from the sources as they were when this was built.</summary>
    public static KernelPromises OfSources()
    {
        var assembly = Assembly.GetExecutingAssembly();
        return new(
            assembly
                .GetManifestResourceNames()
                .Where(name => name.StartsWith("kernels/", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal)
                .Select(name =>
                {
                    using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
                    return reader.ReadToEnd();
                })
        );
    }

    /// <summary>Kernels that have a bound.</summary>
    public IEnumerable<string> Bounded => _bounds.Keys;

    /// <summary>Kernels that have an argument whose content depends on the order of blocks.</summary>
    public IEnumerable<string> UnorderedKernels => _unordered.Keys;

    /// <summary>Kernels whose arguments were seen to depend on the order.</summary>
    public IEnumerable<string> SeenUnordered => _kept;

    public double Bound(string kernel) => _bounds.GetValueOrDefault(kernel);

    public bool IsUnordered(string kernel, int argument) =>
        _unordered.TryGetValue(kernel, out HashSet<int>? arguments) && arguments.Contains(argument);

    /// <summary>Whether two results may both be right.</summary>
    public bool Within(string kernel, uint word, uint other) =>
        WordComparison.Matches(WordKind.Single, word, other, Bound(kernel));

    internal void Kept(string kernel) => _kept.Add(kernel);

    [GeneratedRegex(@"^// Replay: (.*)$", RegexOptions.Multiline)]
    private static partial Regex Line();

    [GeneratedRegex(@"^(\w+) argument (\d+) \(\w+\): unordered$")]
    private static partial Regex Unordered();

    [GeneratedRegex(@"^(\w+): within ([0-9.]+e-[0-9]+)$")]
    private static partial Regex Within();
}
