using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;

namespace Sequor.Tests.Support;

/// <summary>
/// A folder of this run's own for what Sequor finds out about machines, so that no test reads or writes the user's. Every test
/// program derives a set-up fixture of its own, as such a fixture acts in its own assembly alone.
/// </summary>
public abstract class TestCache
{
    private string _folder = "";

    /// <summary>Makes the folder; programs that tests start have it too.</summary>
    [OneTimeSetUp]
    public void Begin()
    {
        _folder = Directory.CreateTempSubdirectory("sequor-cache-").FullName;
        Environment.SetEnvironmentVariable(CacheFolder.Variable, _folder);
    }

    /// <summary>A device is not checked before it is used: tests that have it fail or count its calls want the call alone.</summary>
    internal static void Trust(CudaDevice device)
    {
        var store = new SelfCheckStore(CacheFolder.Find());
        var identity = CudaIdentity.Of(device);
        if (store.Find(identity, out _)?.Passed != true)
            store.Keep(
                new SelfCheckReport(
                    identity,
                    DateTime.UtcNow,
                    [new CheckResult("none", Passed: true, "trusted", 0, 0)]
                )
            );
    }

    /// <summary>Removes it.</summary>
    [OneTimeTearDown]
    public void Remove() => Directory.Delete(_folder, recursive: true);
}
