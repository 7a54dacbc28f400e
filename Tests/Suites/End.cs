using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Suites;

/// <summary>Nothing is measured unless a test is about that.</summary>
[SetUpFixture]
public sealed class NoTuning : TestTuning;

/// <summary>What this program's tests find out is kept apart from what the user has.</summary>
[SetUpFixture]
public sealed class SuitesTestCache : TestCache;
