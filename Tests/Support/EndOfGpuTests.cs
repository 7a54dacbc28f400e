using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests;

/// <summary>Reports on the GPU that this program's tests ran on.</summary>
[SetUpFixture]
public sealed class EndOfGpuTests : GpuTestReport;
