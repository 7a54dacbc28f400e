using System.Collections.Frozen;
using System.IO.Compression;
using System.Reflection;
using System.Text;

namespace Sequor.Native.Kernels;

/// <summary>The PTX of Sequor's kernels, which is embedded in this assembly, compressed.</summary>
public static class KernelImages
{
    private const string Prefix = "kernels/";
    private const string Ending = ".ptx.deflate";
    private const string Entry = ".entry ";

    private static readonly Lazy<FrozenDictionary<string, string>> Texts = new(() =>
        Assembly
            .GetExecutingAssembly()
            .GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .ToFrozenDictionary(name => name[Prefix.Length..^Ending.Length], ReadResource)
    );

    private static readonly Lazy<FrozenDictionary<string, string>> Modules = new(() =>
        Texts
            .Value.SelectMany(text => Kernels(text.Value), (text, kernel) => (kernel, text.Key))
            .ToFrozenDictionary(pair => pair.kernel, pair => pair.Key)
    );

    private static readonly Lazy<FrozenDictionary<string, string[]>> ByModule = new(() =>
        Modules
            .Value.GroupBy(pair => pair.Value, pair => pair.Key)
            .ToFrozenDictionary(group => group.Key, group => group.Order().ToArray())
    );

    /// <summary>Names of the modules: those of their sources.</summary>
    public static IEnumerable<string> Names => Texts.Value.Keys.Order(StringComparer.Ordinal);

    /// <summary>A module's PTX.</summary>
    /// <exception cref="ArgumentException">There is no such module.</exception>
    public static string Ptx(string module) =>
        Texts.Value.TryGetValue(module, out string? text)
            ? text
            : throw new ArgumentException(
                $"There is no module '{module}'; there are {string.Join(", ", Names)}.",
                nameof(module)
            );

    /// <summary>A module's PTX in the form that the driver takes.</summary>
    /// <exception cref="ArgumentException">There is no such module.</exception>
    public static ReadOnlySpan<byte> Image(string module) => Encoding.UTF8.GetBytes(Ptx(module));

    /// <summary>The name of the module that contains a kernel.</summary>
    /// <exception cref="ArgumentException">There is no such kernel.</exception>
    public static string ModuleOf(string kernel) =>
        Modules.Value.TryGetValue(kernel, out string? module)
            ? module
            : throw new ArgumentException($"There is no kernel '{kernel}'.", nameof(kernel));

    /// <summary>Names of a module's kernels.</summary>
    /// <exception cref="ArgumentException">There is no such module.</exception>
    public static IReadOnlyList<string> KernelsOf(string module) =>
        ByModule.Value.TryGetValue(module, out string[]? kernels)
            ? kernels
            : throw new ArgumentException($"There is no module '{module}'.", nameof(module));

    /// <summary>Names of all kernels.</summary>
    public static IEnumerable<string> AllKernels =>
        Modules.Value.Keys.Order(StringComparer.Ordinal);

    private static IEnumerable<string> Kernels(string ptx) =>
        ptx.Split('\n')
            .Where(line => line.Contains(Entry, StringComparison.Ordinal))
            .Select(line =>
                line[(line.IndexOf(Entry, StringComparison.Ordinal) + Entry.Length)..]
                    .TrimEnd('(', ')', ' ')
            );

    private static string ReadResource(string name)
    {
        using var reader = new StreamReader(
            new DeflateStream(
                Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!,
                CompressionMode.Decompress
            )
        );
        return reader.ReadToEnd();
    }
}
