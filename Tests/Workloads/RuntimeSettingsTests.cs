using NUnit.Framework;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>
/// Which environment variables and runtime settings a report records because they change the machine code or the garbage
/// collector.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public sealed class RuntimeSettingsTests
{
    [TestCase("DOTNET_TieredPGO", true)]
    [TestCase("DOTNET_TieredCompilation", true)]
    [TestCase("DOTNET_TC_QuickJitForLoops", true)]
    [TestCase("DOTNET_ReadyToRun", true)]
    [TestCase("DOTNET_EnableAVX512F", true)]
    [TestCase("DOTNET_EnableHWIntrinsic", true)]
    [TestCase("DOTNET_gcServer", true)]
    [TestCase("DOTNET_GCHeapHardLimit", true)]
    [TestCase("DOTNET_PROCESSOR_COUNT", true)]
    [TestCase("DOTNET_PreferredVectorBitWidth", true)]
    [TestCase("COMPlus_EnableAVX2", true)]
    [TestCase("COMPLUS_TIEREDPGO", true)]
    [TestCase("DOTNET_ROOT", false)]
    [TestCase("DOTNET_STARTUP_HOOKS", false)]
    [TestCase("DOTNET_EnableDiagnostics", false)]
    [TestCase("DOTNET_EnableEventPipe", false)]
    [TestCase("DOTNET_GCLogFile", false)]
    [TestCase("DOTNET_NOLOGO", false)]
    [TestCase("TieredPGO", false)]
    [TestCase("PATH", false)]
    public void Variables_that_change_the_code_are_kept(string name, bool kept) =>
        Assert.That(
            RuntimeSettings.Read([(name, "0")], _ => null),
            kept ? Is.EquivalentTo(new Dictionary<string, string> { [name] = "0" }) : Is.Empty
        );

    // A published program reads those of the collector and of threads alone.
    [TestCase("DOTNET_TieredPGO", false)]
    [TestCase("DOTNET_EnableAVX512F", false)]
    [TestCase("DOTNET_gcServer", true)]
    [TestCase("DOTNET_PROCESSOR_COUNT", true)]
    public void Those_of_the_compiler_are_not_kept_where_there_is_none(string name, bool kept)
    {
        IReadOnlyDictionary<string, string> settings = RuntimeSettings.Read(
            [(name, "1")],
            configured => configured is "System.GC.Server" or "System.Runtime.TieredPGO" ? 1 : null,
            jit: false
        );
        Assert.That(
            settings.Keys,
            Is.EquivalentTo(kept ? [name, "System.GC.Server"] : new[] { "System.GC.Server" })
        );
    }

    [Test]
    public void Those_that_are_empty_are_not_set() =>
        Assert.That(RuntimeSettings.Read([("DOTNET_TieredPGO", "")], _ => null), Is.Empty);

    [Test]
    public void The_programs_own_configuration_is_there_and_all_is_in_order() =>
        Assert.That(
            RuntimeSettings.Read(
                [("DOTNET_TieredPGO", "1"), ("DOTNET_GCgen0size", "4000000")],
                name => name.EndsWith("TieredPGO", StringComparison.Ordinal) ? false : null
            ),
            Is.EqualTo(
                new Dictionary<string, string>
                {
                    ["DOTNET_GCgen0size"] = "4000000",
                    ["DOTNET_TieredPGO"] = "1",
                    ["System.Runtime.TieredPGO"] = "False",
                }
            )
        );

    // The test program's own, as Sequor.Tests.csproj has it.
    [Test]
    public void A_machine_has_those_of_its_process() =>
        Assert.That(
            Machine.Read().RuntimeSettings["System.Runtime.TieredPGO"],
            Is.EqualTo("false").IgnoreCase
        );
}
