using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests;

/// <summary>What this program's tests find out is kept apart from what the user has.</summary>
[SetUpFixture]
public sealed class OwnTestCache : TestCache;
