using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Ends the backends that this program's tests used.</summary>
[SetUpFixture]
public sealed class EndOfBackends : Backends;

/// <summary>Reports on the GPU that this program's tests ran on.</summary>
[SetUpFixture]
public sealed class EndOfGpuTests : GpuTestReport;

/// <summary>What this program's tests find out is kept apart from what the user has.</summary>
[SetUpFixture]
public sealed class CudaTestCache : TestCache;
