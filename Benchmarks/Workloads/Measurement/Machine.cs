using System.Buffers.Binary;
using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>What a measurement ran on.</summary>
/// <param name="Cpu">The processor's name.</param>
/// <param name="Cores">Cores that this process may use.</param>
/// <param name="VectorBits">Widest vectors that are used.</param>
/// <param name="Instructions">The instructions behind these vectors, as <see cref="CpuInstructions.Describe"/> names them.</param>
/// <param name="MemoryBytes">Memory that this process may use.</param>
/// <param name="Os">Operating system.</param>
/// <param name="Architecture">Instruction set.</param>
/// <param name="Dotnet">Runtime.</param>
/// <param name="Sequor">Version of Sequor.</param>
/// <param name="Commit">
/// Commit that Sequor was built from, with -dirty behind it if sources were changed since; null where the build knew none,
/// as from an archive of the sources or without git.
/// </param>
public sealed record Machine(
    string Cpu,
    int Cores,
    int VectorBits,
    string Instructions,
    long MemoryBytes,
    string Os,
    string Architecture,
    string Dotnet,
    string Sequor,
    string? Commit
)
{
    /// <summary>Settings of .NET that change the code it makes, by name; see <see cref="Workloads.RuntimeSettings"/>.</summary>
    public IReadOnlyDictionary<string, string> RuntimeSettings { get; init; } =
        new Dictionary<string, string>();

    /// <summary>
    /// What made the machine code of the program: <see cref="Jit"/> while it ran, which a report that does not tell it was written
    /// under as well, or <see cref="NativeAot"/> when it was published. The same step takes another time.
    /// </summary>
    public string Compiler
    {
        get => field ?? Jit;
        init;
    }

    /// <summary>The name of .NET's compiler that works while a program runs.</summary>
    public const string Jit = "JIT";

    /// <summary>The name of .NET's compiler that makes a program of machine code.</summary>
    public const string NativeAot = "NativeAOT";

    /// <summary>The one of this program.</summary>
    public static string OwnCompiler => RuntimeFeature.IsDynamicCodeCompiled ? Jit : NativeAot;

    /// <summary>Version of Sequor, without the commit.</summary>
    public static string Version => InformationalVersion.Split('+')[0];

    private static string InformationalVersion =>
        typeof(Machine)
            .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
            ?.InformationalVersion
        ?? "0.0.0";

    /// <summary>This machine.</summary>
    /// <param name="device">What computes; a CPU may use narrower vectors than the processor has, or wider ones.</param>
    public static Machine Read(BackendInfo? device = null)
    {
        int bits = device is { VectorBits: > 0 } ? device.VectorBits : CpuInstructions.VectorBits;
        return new(
            CpuName(),
            Environment.ProcessorCount,
            bits,
            CpuInstructions.Describe(bits),
            GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            RuntimeInformation.OSDescription,
            RuntimeInformation.ProcessArchitecture.ToString(),
            Environment.Version.ToString(),
            Version,
            BuiltFrom.Commit
        )
        {
            RuntimeSettings = Workloads.RuntimeSettings.Read(),
            Compiler = OwnCompiler,
        };
    }

    /// <summary>Version and commit as programs read them: 0.1.0+COMMIT, or 0.1.0+unknown.</summary>
    public static string VersionAndCommit => $"{Version}+{BuiltFrom.Commit ?? "unknown"}";

    /// <summary>Version and the begin of the commit, for people: 0.1.0 (66f3c0e, changed since).</summary>
    public string Describe()
    {
        if (Commit is null)
            return $"{Sequor} (of an unknown commit)";
        string[] parts = Commit.Split('-', 2);
        string begin = parts[0][..Math.Min(7, parts[0].Length)];
        return $"{Sequor} ({begin}{(parts.Length > 1 ? ", changed since" : "")})";
    }

    /// <summary>The runtime, for people: .NET 10.0.12, with the compiler where it is not the usual one.</summary>
    public string DescribeRuntime() => $".NET {Dotnet}{(Compiler == Jit ? "" : $" {Compiler}")}";

    private static string CpuName()
    {
        string? name =
            X86Base.IsSupported ? NameByCpuId()
            : OperatingSystem.IsMacOS() ? NameBySysctl()
            : OperatingSystem.IsLinux() ? NameByProc()
            : null;
        return string.IsNullOrWhiteSpace(name)
            ? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? "unknown"
            : string.Join(' ', name.Split(' ', StringSplitOptions.RemoveEmptyEntries));
    }

    private static string? NameByCpuId()
    {
        const uint brand = 0x80000002;
        (int most, _, _, _) = X86Base.CpuId(int.MinValue, 0);
        if ((uint)most < brand + 2)
            return null;
        var bytes = new byte[48];
        for (uint i = 0; i < 3; i++)
        {
            (int a, int b, int c, int d) = X86Base.CpuId((int)(brand + i), 0);
            Span<byte> part = bytes.AsSpan(16 * (int)i);
            BinaryPrimitives.WriteInt32LittleEndian(part, a);
            BinaryPrimitives.WriteInt32LittleEndian(part[4..], b);
            BinaryPrimitives.WriteInt32LittleEndian(part[8..], c);
            BinaryPrimitives.WriteInt32LittleEndian(part[12..], d);
        }
        return Encoding.ASCII.GetString(bytes).Replace('\0', ' ');
    }

    private static string? NameBySysctl()
    {
        try
        {
            var start = new ProcessStartInfo("/usr/sbin/sysctl", "-n machdep.cpu.brand_string")
            {
                RedirectStandardOutput = true,
            };
            using Process? process = Process.Start(start);
            return process?.StandardOutput.ReadToEnd().Trim();
        }
        catch (Exception e)
            when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    private static string? NameByProc()
    {
        try
        {
            return File.ReadLines("/proc/cpuinfo")
                .Where(line => line.StartsWith("model name", StringComparison.Ordinal))
                .Select(line => line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim())
                .FirstOrDefault();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
