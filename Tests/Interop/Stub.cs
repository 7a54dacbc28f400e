using System.Reflection;
using System.Runtime.InteropServices;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Tests.Interop;

/// <summary>While it lasts, every function of the libraries only returns success.</summary>
internal sealed unsafe class Stub : IDisposable
{
    private static readonly FieldInfo Addresses = typeof(FunctionTable).GetField(
        "_addresses",
        BindingFlags.Instance | BindingFlags.NonPublic
    )!;

    private readonly List<(nint[] Table, nint[] Real)> _replaced = [];

    private Stub(params FunctionTable[] tables)
    {
        foreach (FunctionTable table in tables)
        {
            var addresses = (nint[])Addresses.GetValue(table)!;
            _replaced.Add((addresses, [.. addresses]));
            // With these calling conventions the caller takes the arguments back, however many there are.
            Array.Fill(addresses, (nint)(delegate* unmanaged<int>)&Succeed);
        }
    }

    public static Stub Begin(CudaLibraries libraries) =>
        new(libraries.Driver, libraries.CuDnn, libraries.CuBlas);

    public void Dispose()
    {
        foreach ((nint[] table, nint[] real) in _replaced)
            real.CopyTo(table, 0);
    }

    [UnmanagedCallersOnly]
    private static int Succeed() => 0;
}
