using NUnit.Framework;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;
using Sequor.VirtualGpu.Ptx;
using Sequor.VirtualGpu.Recording;

namespace Sequor.Tests.Replays;

/// <summary>The recording that a bundle has: of every kernel, small enough, the same each time, and left again on the virtual GPU.</summary>
[TestFixture]
[Category("Long")]
public sealed class WholeRecordingTests : FolderTest
{
    [Test]
    public void Every_kernel_is_recorded_and_leaves_the_same_again()
    {
        string file = PathOf("recording");
        ReplayOutcome made = ReplayProgramRun.Run(Folder, ["record", file]);
        Assert.That(made.ExitCode, Is.Zero, made.Output + made.Error);
        byte[] bytes = File.ReadAllBytes(file);
        Assert.That(bytes.Length, Is.LessThanOrEqualTo(RecordingFile.MostBytes));
        Recording recording = RecordingFile.Read(bytes);
        Assert.That(
            recording.Launches.Select(l => l.Kernel).Distinct(),
            Is.EquivalentTo(KernelImages.AllKernels)
        );
        Assert.Multiple(() =>
        {
            foreach (string module in KernelImages.Names)
            foreach (PtxKernel kernel in PtxModule.Parse(KernelImages.Ptx(module)).Kernels.Values)
            {
                RecordedLaunch[] launches =
                [
                    .. recording.Launches.Where(l => l.Kernel == kernel.Name),
                ];
                // Loops are unrolled, so that a line may have many instructions.
                HashSet<PtxSource> executed =
                [
                    .. launches.SelectMany(l => l.Sites).Select(site => Source(kernel, site)),
                ];
                PtxSource[] never =
                [
                    .. Accesses(kernel)
                        .Select(site => Source(kernel, site))
                        .Distinct()
                        .Where(line => !executed.Contains(line)),
                ];
                Assert.That(
                    never,
                    Is.Empty,
                    $"{kernel.Name}: accesses to memory in none of {launches.Length} launches"
                );
            }
        });

        ReplayOutcome replayed = ReplayProgramRun.Run(Folder, [file, "--virtual"]);
        Assert.That(replayed.ExitCode, Is.Zero, replayed.Output + replayed.Error);
        int kernels = KernelImages.AllKernels.Count();
        Assert.That(
            replayed.Output,
            Does.Contain($"{kernels} of {kernels} kernels left what was recorded")
        );

        string again = PathOf("again");
        made = ReplayProgramRun.Run(Folder, ["record", again]);
        Assert.That(made.ExitCode, Is.Zero, made.Output + made.Error);
        Assert.That(File.ReadAllBytes(again), Is.EqualTo(bytes));
    }

    private static PtxSource Source(PtxKernel kernel, int site) =>
        kernel.Instructions[site].Source with
        {
            Column = 0,
        };

    private static IEnumerable<int> Accesses(PtxKernel kernel)
    {
        PtxCode code = kernel.Compile();
        for (int site = 0; site < code.Accesses.Length; site++)
        {
            if (code.Accesses[site] is { Space: PtxSpace.Global or PtxSpace.Generic })
                yield return site;
        }
    }
}
