using NUnit.Framework;

namespace Sequor.Tests.Support;

/// <summary>
/// Marks a test that runs on the virtual GPU on every machine, since it counts or causes to fail what a real one does not show or do.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class VirtualGpuOnlyAttribute() : CategoryAttribute(Category)
{
    internal const string Category = "VirtualGpu";
}
