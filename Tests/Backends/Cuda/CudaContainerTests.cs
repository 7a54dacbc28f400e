using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Outputs and gradients of parallel layers on the CUDA backend against the double-precision reference.</summary>
[TestFixture]
public sealed class CudaContainerTests : CudaFixture
{
    private static IEnumerable<string> Names => ContainerCases.Models.Keys;

    [Test]
    public void Layers_beside_each_other_have_the_gradients_of_the_reference(
        [ValueSource(nameof(Names))] string name
    )
    {
        GradientCase[] cases = ContainerCases.Cases(name);
        bool asks = cases[0].Classes is null;
        using var planned = new PlannedCase(cases[0], Gpu, 7, 4, asks);
        foreach (GradientCase @case in cases)
        {
            planned.CheckForward(@case);
            planned.Backward();
            planned.CheckGradients(@case, asks);
        }
    }
}
