using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests;

/// <summary>Reports at the end on which GPU this program's tests ran.</summary>
[SetUpFixture]
public sealed class EndOfGpuTests : GpuTestReport;
