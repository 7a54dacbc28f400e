using System.Reflection;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Profiling;

/// <summary>
/// Every operation of the backend's seam tells a probe of itself, once: one that is added without doing so fails here, by its name.
/// </summary>
public sealed class SeamTests
{
    // What takes tensors and is no work on them.
    private static readonly string[] NoWork =
    [
        "Backend.PlanProduct",
        "Backend.JoinsSums",
        "Backend.PlaceWeightNorms",
        "Backend.PlaceDiagonals",
        "DiagonalScanOperation.LambdaGradient",
        "ConvolutionOperation.IsInLibrary",
    ];

    private static IEnumerable<Type> Seam =>
        typeof(Backend)
            .Assembly.GetTypes()
            .Where(t =>
                t == typeof(Backend)
                || t == typeof(RandomStream)
                || (t.IsAbstract && t.IsSubclassOf(typeof(PlannedOperation)))
            );

    // What a backend has to implement, or may.
    private static IEnumerable<MethodInfo> Overridable(Type type) =>
        type.GetMethods(
                BindingFlags.Instance
                    | BindingFlags.Public
                    | BindingFlags.NonPublic
                    | BindingFlags.DeclaredOnly
            )
            .Where(method => method is { IsVirtual: true, IsFinal: false });

    private static bool TakesTensors(MethodInfo method) =>
        method.GetParameters().Any(p => HoldsTensors(p.ParameterType));

    private static bool HoldsTensors(Type type)
    {
        if (type.IsByRef)
            type = type.GetElementType()!;
        return type == typeof(Tensor)
            || type == typeof(SequenceLayout)
            || type.GetGenericArguments().Any(HoldsTensors)
            || (
                type is { IsValueType: true, Namespace: "Sequor.Layers" }
                && type.GetProperties().Any(p => p.PropertyType == typeof(Tensor))
            );
    }

    private static string NameOf(MethodInfo method) =>
        $"{method.DeclaringType!.Name}.{method.Name.Replace("Core", "", StringComparison.Ordinal)}";

    private static IEnumerable<MethodInfo> Cores =>
        Seam.SelectMany(Overridable)
            .Where(method => method.Name.EndsWith("Core", StringComparison.Ordinal));

    [Test]
    public void What_a_backend_does_with_tensors_can_be_called_in_one_way_alone()
    {
        foreach (MethodInfo method in Seam.SelectMany(Overridable).Where(TakesTensors))
        {
            if (NoWork.Contains(NameOf(method)))
                continue;
            Assert.That(
                method.Name.EndsWith("Core", StringComparison.Ordinal)
                    && !method.IsPublic
                    && !method.IsAssembly
                    && !method.IsFamilyOrAssembly,
                $"{NameOf(method)} is work that a backend implements: it must be a method whose name ends in Core and that only the one of the same name calls, which tells the probe (Backend.Operations.cs)."
            );
        }
    }

    [Test]
    public void Each_operation_tells_of_itself_once()
    {
        using Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using var calls = new SeamCalls(backend);
        string[] there = [.. Cores.Select(NameOf).Distinct().Order(StringComparer.Ordinal)];
        Assert.That(
            calls.All.Select(call => call.Name).Distinct().Order(StringComparer.Ordinal),
            Is.EqualTo(there),
            "SeamCalls has a call for each operation"
        );
        var probe = new CountingProbe();
        backend.AddProbe(probe);
        foreach ((string name, Action call) in calls.All)
        {
            probe.Begun.Clear();
            call();
            Assert.That(probe.Begun, Has.Count.EqualTo(1), $"reports of {name}");
            Assert.That(probe.Ended, Is.EqualTo(probe.Begun), name);
        }
        backend.RemoveProbe(probe);
        Assert.That(backend.Probe, Is.Null);
    }

    [Test]
    public void All_probes_are_told_until_they_are_removed()
    {
        using Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        Tensor x = backend.Allocate(new Shape(3), MemoryCategory.InputOutput);
        var first = new CountingProbe();
        var second = new CountingProbe();
        var third = new CountingProbe();
        foreach (CountingProbe probe in new[] { first, second, third })
            backend.AddProbe(probe);
        backend.Fill(x, 1f);
        backend.RemoveProbe(second);
        backend.Fill(x, 1f);
        backend.RemoveProbe(first);
        backend.Fill(x, 1f);
        Assert.That(
            new[] { first, second, third }.Select(p => p.Begun.Count),
            Is.EqualTo(new[] { 2, 1, 3 })
        );
        x.Storage.Dispose();
    }

    private sealed class CountingProbe : StepProbe
    {
        public List<OperationName> Begun { get; } = [];

        public List<OperationName> Ended { get; private set; } = [];

        public override void BeginOperation(OperationReport operation)
        {
            Begun.Add(operation.Name);
            Ended = [];
        }

        public override void EndOperation(OperationReport operation) => Ended.Add(operation.Name);
    }
}
