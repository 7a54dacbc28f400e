using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests;

/// <summary>Nothing is measured unless a test is about that.</summary>
[SetUpFixture]
public sealed class NoTuning : TestTuning;

/// <summary>Reports at the end on which GPU this program's tests ran.</summary>
[SetUpFixture]
public sealed class EndOfGpuTests : GpuTestReport;
