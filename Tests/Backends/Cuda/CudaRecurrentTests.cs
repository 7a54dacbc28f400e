using NUnit.Framework;

namespace Sequor.Tests.Cuda;

/// <summary>Recurrent layers as the first guess has them: by cuDNN, and linear ones by kernels.</summary>
[TestFixture]
public sealed class CudaRecurrentTests : CudaRecurrentFixture { }
