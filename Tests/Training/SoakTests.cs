using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Training;

/// <summary>Long lives of trainers on a backend: a short one in every run, and one of some minutes among the long tests.</summary>
[TestFixture]
public sealed class SoakTests : FolderTest
{
    private const int FewActions = 300;
    private const int ManyActions = 20_000;

    [Test]
    public void Trainers_live_and_die_on_a_cpu([Values(1, 2)] int threads) =>
        Run(threads, 1, FewActions);

    [Test]
    [Category("Long")]
    public void Trainers_live_and_die_on_a_cpu_for_long(
        [Values(1, 3)] int threads,
        [Values(1u, 2u, 3u)] uint seed
    ) => Run(threads, seed, ManyActions);

    private void Run(int threads, ulong seed, int actions)
    {
        Backend backend = Backend.Create("cpu", new BackendOptions { Threads = threads });
        using (backend)
            SoakOf(backend, Folder, seed, actions);
        Assert.That(backend.Memory.CurrentBytes, Is.Zero);
    }

    /// <summary>Acts so often; the seed is told when an action fails.</summary>
    internal static void SoakOf(Backend backend, string folder, ulong seed, int actions)
    {
        using var soak = new Soak(backend, folder, seed);
        for (int action = 0; action < actions; action++)
        {
            try
            {
                soak.Act();
            }
            catch (Exception e)
            {
                throw new AssertionException($"seed {seed}, action {action}: {e.Message}", e);
            }
        }
        // No kind of action was left out.
        Assert.That(soak.Done, Has.Count.EqualTo(Soak.Kinds));
    }
}

/// <summary>The same on a GPU.</summary>
[TestFixture]
[Category("Long")]
public sealed class CudaSoakTests : CudaFixture
{
    private const int Actions = 300;

    [Test]
    public void Trainers_live_and_die_on_a_gpu()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("sequor-tests-");
        try
        {
            SoakTests.SoakOf(Gpu, folder.FullName, 1, Actions);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
