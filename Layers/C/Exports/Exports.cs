using System.Reflection;
using System.Runtime.InteropServices;

namespace Sequor.C;

/// <summary>
/// The functions of sequor.h, under their names there. Each returns a <see cref="Status"/>; none lets an exception out, and each says in
/// <see cref="LastError"/> what was wrong.
/// </summary>
internal static unsafe partial class Exports
{
    /// <summary>The version of the ABI: major in the upper 16 bits, minor in the lower. Another major is another ABI.</summary>
    public const uint AbiVersion = (1 << 16) | 2;

    private static readonly byte* Version = LastError.Literal(
        typeof(Exports)
            .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
            ?.InformationalVersion
            ?? "unknown"
    );

    private static readonly nint[] Names =
    [
        .. Enum.GetValues<Status>().Select(status => (nint)LastError.Literal(NameOf(status))),
    ];

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_abi_version))]
    public static uint sequor_abi_version() => AbiVersion;

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_version))]
    public static byte* sequor_version() => Version;

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_last_error))]
    public static byte* sequor_last_error() => LastError.Text;

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_status_name))]
    public static byte* sequor_status_name(int status) =>
        (uint)status < (uint)Names.Length ? (byte*)Names[status] : (byte*)Names[^1];

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_live_handles))]
    public static long sequor_live_handles() => Handles.Live;

    /// <summary>The status's name in sequor.h.</summary>
    internal static string NameOf(Status status) =>
        status == Status.Ok ? "SEQUOR_OK" : $"SEQUOR_ERROR_{status.ToString().ToUpperInvariant()}";
}
