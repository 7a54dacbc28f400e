using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;
namespace Sequor.Tests.Examples.Api;
/// <summary>t</summary>
[TestFixture]
public sealed class TempTests : CudaFixture
{
    [Test] public void A() { using CudaBackend gpu = CudaBackend.Create(0, new CudaOptions { Math = FloatMath.Fp32 }, Libraries); }
    [Test] public void B() { using CudaBackend gpu = CudaBackend.Create(0, new CudaOptions { Math = FloatMath.Fp32 }, Libraries);
        using var lstm = new Lstm(4, 8); using Plan plan = lstm.Plan(gpu, 5, 2, Mode.Training); }
    [Test] public void C() { using CudaBackend gpu = CudaBackend.Create(0, new CudaOptions { Math = FloatMath.Fp32 }, Libraries);
        using var x = gpu.Context.Allocate<float>(40); }
    [Test] public void D() { using CudaBackend gpu = CudaBackend.Create(0, new CudaOptions { Math = FloatMath.Fp32 }, Libraries);
        using var x = gpu.Context.Allocate<float>(40); x.Span.Clear(gpu.Stream); }
    [Test] public void E() { using CudaBackend gpu = CudaBackend.Create(0, new CudaOptions { Math = FloatMath.Fp32 }, Libraries);
        using var lstm = new Lstm(4, 8); using Plan plan = lstm.Plan(gpu, 5, 2, Mode.Training); plan.Forward(new float[40], 5, 2); }
}
