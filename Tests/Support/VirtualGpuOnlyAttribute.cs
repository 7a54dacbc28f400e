using NUnit.Framework;

namespace Sequor.Tests.Support;

/// <summary>
/// The test runs on the virtual GPU on every machine: it counts, or lets fail, what a real one does not show or do.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class VirtualGpuOnlyAttribute() : CategoryAttribute(Category)
{
    internal const string Category = "VirtualGpu";
}
