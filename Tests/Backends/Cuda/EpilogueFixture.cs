using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Besides the backend whose biases go by kernels one that has cuBLASLt add them.</summary>
internal abstract class EpilogueFixture : CudaFixture
{
    private protected const string Lt = "cublasLtMatmul";
    private protected const int Inputs = 3;

    private protected static CudaOptions Library { get; } =
        new() { Epilogue = ProductEpilogue.Library };

    private protected CudaBackend ByLibrary { get; private set; } = null!;

    [SetUp]
    public void StartLibrary() => ByLibrary = new CudaBackend(Context, Stream, Library);

    [TearDown]
    public void EndLibrary() => ByLibrary.Dispose();
}
