using System.Collections.Concurrent;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Charts;

namespace Sequor.Tests;

/// <summary>
/// A CPU backend of each vector width and number of threads, made once for each thread of the test program, as a backend is for one thread
/// at a time and fixtures run side by side. Every test program derives a set-up fixture of its own, since such a fixture only acts in its
/// own assembly.
/// </summary>
[SetUpFixture]
public class Backends
{
    private static readonly ConcurrentDictionary<
        (int Bits, int Threads, bool SharesUnits, int Caller),
        CpuBackend
    > Made = new();

    /// <summary>Vector widths in bits.</summary>
    internal static readonly int[] Widths = [512, 256, 128];

    /// <summary>Every width with 1, 2 and 3 threads, as arguments of a fixture.</summary>
    internal static readonly object[][] Each =
    [
        .. Widths.SelectMany(
            _ => new[] { 1, 2, 3 },
            (bits, threads) => new object[] { bits, threads }
        ),
    ];

    /// <summary>The same, and recurrent layers whose units are shared by threads, whatever their size, with some of these.</summary>
    internal static readonly object[][] Recurrent =
    [
        .. Each.Select(each => (object[])[.. each, false]),
        [512, 2, true],
        [256, 1, true],
        [128, 3, true],
    ];

    internal static CpuBackend Get(int bits, int threads, bool sharesUnits = false) =>
        Made.GetOrAdd(
            (bits, threads, sharesUnits, Environment.CurrentManagedThreadId),
            key =>
            {
                var options = new CpuOptions { VectorBits = key.Bits, Threads = key.Threads };
                return key.SharesUnits
                    ? new CpuBackend(options, "asked for") { LargestSharedWeights = 0 }
                    : (CpuBackend)Backend.Create(Device.Cpu, options);
            }
        );

    /// <summary>Ends the backends' threads.</summary>
    [OneTimeTearDown]
    public void DisposeAll()
    {
        foreach (CpuBackend backend in Made.Values)
            backend.Dispose();
        Made.Clear();
    }
}
