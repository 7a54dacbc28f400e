using System.Collections;
using System.Globalization;

namespace Sequor.Workloads;

/// <summary>
/// The settings of .NET that change what code it makes, how it collects or on how many cores it runs: figures of runs under
/// other settings are not to be compared without knowing it.
/// </summary>
public static class RuntimeSettings
{
    private static readonly string[] Prefixes = ["DOTNET_", "COMPlus_"];

    // What .NET's own names of such settings begin with.
    private static readonly string[] Beginnings =
    [
        "GC",
        "Thread_",
        "ThreadPool_",
        "PROCESSOR_COUNT",
    ];

    // Of the compiler that works while a program runs: others do not read them.
    private static readonly string[] OfJit =
    [
        "Tiered",
        "TC_",
        "OSR_",
        "ReadyToRun",
        "Enable",
        "Jit",
        "AltJit",
        "PreferredVectorBitWidth",
        "MaxVectorTBitWidth",
    ];

    // What begins as well so, and is about logs.
    private static readonly string[] Others = ["EnableDiagnostics", "EnableEvent", "GCLog"];

    // Of the file beside the program, where a build or its owner sets them.
    private static readonly string[] Configured =
    [
        "System.GC.Concurrent",
        "System.GC.ConserveMemory",
        "System.GC.HeapCount",
        "System.GC.HeapHardLimit",
        "System.GC.RetainVM",
        "System.GC.Server",
    ];

    private static readonly string[] ConfiguredOfJit =
    [
        "System.Runtime.TieredCompilation",
        "System.Runtime.TieredCompilation.QuickJit",
        "System.Runtime.TieredCompilation.QuickJitForLoops",
        "System.Runtime.TieredPGO",
    ];

    /// <summary>Those of this process that are set, by name: environment variables, and System.* of its configuration.</summary>
    public static IReadOnlyDictionary<string, string> Read() =>
        Read(
            Environment
                .GetEnvironmentVariables()
                .Cast<DictionaryEntry>()
                .Select(pair => ((string)pair.Key, (string?)pair.Value ?? "")),
            AppContext.GetData,
            Machine.OwnCompiler == Machine.Jit
        );

    /// <summary>The same of an environment and a configuration.</summary>
    /// <param name="variables">Environment variables, names and values.</param>
    /// <param name="configured">What a name is set to, or null.</param>
    /// <param name="jit">Whether code is made while the program runs; those settings change nothing otherwise.</param>
    public static IReadOnlyDictionary<string, string> Read(
        IEnumerable<(string Name, string Value)> variables,
        Func<string, object?> configured,
        bool jit = true
    )
    {
        var settings = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach ((string name, string value) in variables)
        {
            if (value.Length > 0 && Matters(name, jit))
                settings[name] = value;
        }
        foreach (string name in jit ? [.. Configured, .. ConfiguredOfJit] : Configured)
        {
            if (
                Convert.ToString(configured(name), CultureInfo.InvariantCulture) is
                { Length: > 0 } value
            )
                settings[name] = value;
        }
        return settings;
    }

    private static bool Matters(string variable, bool jit) =>
        Prefixes.FirstOrDefault(prefix => Begins(variable, prefix)) is { } prefix
        && (jit ? [.. Beginnings, .. OfJit] : Beginnings).Any(text =>
            Begins(variable[prefix.Length..], text)
        )
        && !Others.Any(text => Begins(variable[prefix.Length..], text));

    // .NET finds its variables in any case of letters on Windows, and most of them elsewhere.
    private static bool Begins(string text, string beginning) =>
        text.StartsWith(beginning, StringComparison.OrdinalIgnoreCase);
}
