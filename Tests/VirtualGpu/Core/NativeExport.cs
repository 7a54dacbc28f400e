using System.Reflection;
using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>The version of CUDA, major * 1000 + minor * 10, since which a driver entry has its signature.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SinceAttribute(int version) : Attribute
{
    public int Version => version;
}

/// <summary>A symbol of a virtual library.</summary>
/// <param name="Symbol">Its name, such as cuMemAlloc_v2.</param>
/// <param name="Address">A function that native code can call.</param>
/// <param name="Since">The version of CUDA since which it is so; 0 if that does not matter.</param>
/// <param name="Method">The C# method.</param>
internal sealed record NativeExport(string Symbol, nint Address, int Since, MethodInfo Method)
{
    private const BindingFlags Static =
        BindingFlags.Static
        | BindingFlags.Public
        | BindingFlags.NonPublic
        | BindingFlags.DeclaredOnly;

    /// <summary>The methods of some classes that have an UnmanagedCallersOnly with an entry point.</summary>
    public static IReadOnlyList<NativeExport> Of(params Type[] types) =>
        [
            .. from type in types
            from method in type.GetMethods(Static)
            let entry = method.GetCustomAttribute<UnmanagedCallersOnlyAttribute>()?.EntryPoint
            where entry is not null
            select new NativeExport(
                entry,
                method.MethodHandle.GetFunctionPointer(),
                method.GetCustomAttribute<SinceAttribute>()?.Version ?? 0,
                method
            ),
        ];

    /// <summary>A library of these symbols.</summary>
    public static INativeSymbols Library(string name, IEnumerable<NativeExport> exports) =>
        new ExportedSymbols(name, exports.ToDictionary(e => e.Symbol, e => e.Address));

    private sealed class ExportedSymbols(string name, Dictionary<string, nint> addresses)
        : INativeSymbols
    {
        public string Name => name;

        public nint Find(string symbol) => addresses.GetValueOrDefault(symbol);
    }
}
