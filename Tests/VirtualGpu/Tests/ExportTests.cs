using System.Reflection;
using NUnit.Framework;
using Sequor.Native;
using Sequor.Native.Generator;
using Sequor.Tests.Native;
using Sequor.VirtualGpu;

namespace Sequor.VirtualGpu.Tests;

/// <summary>What the virtual libraries export is what the tables declare.</summary>
[TestFixture]
[NonParallelizable]
public sealed class ExportTests
{
    [Test]
    public void The_driver_has_every_function_of_its_table()
    {
        using VirtualDevice device = VirtualDevice.Start();
        var driver = new CudaDriver(device.Symbols(LibraryKind.CudaDriver));
        Assert.That(driver.Missing, Is.Empty);
        Assert.That(driver.All, Has.Count.GreaterThan(100));
    }

    [Test]
    public void Nvml_has_every_function_of_its_table()
    {
        using VirtualDevice device = VirtualDevice.Start();
        Assert.That(new Nvml(device.Symbols(LibraryKind.Nvml)).Missing, Is.Empty);
    }

    [TestCase(LibraryKind.CudaDriver, typeof(CudaDriver))]
    [TestCase(LibraryKind.Nvml, typeof(Nvml))]
    public void Every_export_has_the_signature_that_callers_use(LibraryKind kind, Type table)
    {
        var facts = Tables
            .All<FunctionFact>()
            .Where(f => f.File.Class == table.Name)
            .ToDictionary(f => f.Fact.Symbol, f => f.Fact);
        IReadOnlyList<NativeExport> exports = Sequor.VirtualGpu.VirtualLibraries.Exports(kind);
        Assert.That(exports.Select(e => e.Symbol), Is.EquivalentTo(facts.Keys));
        foreach (NativeExport export in exports)
        {
            MethodInfo method = table.GetMethod(facts[export.Symbol].Name)!;
            Assert.That(export.Method.Name, Is.EqualTo(method.Name));
            Assert.That(export.Method.ReturnType, Is.EqualTo(method.ReturnType), method.Name);
            Assert.That(
                export.Method.GetParameters().Select(p => (p.Name, p.ParameterType)),
                Is.EqualTo(method.GetParameters().Select(p => (p.Name, p.ParameterType))),
                method.Name
            );
            Assert.That(export.Since, Is.EqualTo(facts[export.Symbol].Since), method.Name);
        }
    }
}
