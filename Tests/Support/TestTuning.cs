using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Support;

/// <summary>
/// Tests measure no candidates unless they are about that, and never read or write the user's own choices: programs that they
/// start inherit both settings.
/// </summary>
public abstract class TestTuning
{
    private string? _folder;

    [OneTimeSetUp]
    public void TurnOff()
    {
        _folder = Directory.CreateTempSubdirectory("sequor-tests-cache-").FullName;
        Environment.SetEnvironmentVariable(Autotune.Variable, "off");
        Environment.SetEnvironmentVariable(CacheFolder.Variable, _folder);
    }

    [OneTimeTearDown]
    public void Remove() => Directory.Delete(_folder!, recursive: true);
}
