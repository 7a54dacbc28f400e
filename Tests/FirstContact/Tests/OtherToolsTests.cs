using System.Runtime.Versioning;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.FirstContact.Tests;

/// <summary>
/// The checks that call tools of others, which no dry run has: scripts in their place say what those tools say when all is well,
/// when something differs, and when they fail.
/// </summary>
[TestFixture]
[Platform(Exclude = "Win", Reason = "the stand-ins are shell scripts")]
[UnsupportedOSPlatform("windows")]
internal sealed class OtherToolsTests : FolderTest
{
    private const string Bench =
        """{"results":[{"arch":"ARCH","hidden":4,"layers":1,"length":6,"batch":2,"step_ms":{"median":1.5}}]}""";

    private const string SeesGpu =
        "*torch.cuda*) echo '2.8.0 True' ;; *jax.devices*) echo '0.8.0 True' ;;";

    [Test]
    public void The_sanitizer_holds_where_it_finds_nothing()
    {
        CheckOutcome outcome = Run(new SanitizerCheck(), "compute-sanitizer", "*) exit 0 ;;");
        Assert.That(outcome.Verdict, Is.EqualTo(CheckOutcome.IsHeld));
    }

    [TestCase(7, CheckOutcome.IsDifferent)]
    [TestCase(3, CheckOutcome.IsFailed)]
    public void What_the_sanitizer_says_is_told_with_the_architecture(int code, string verdict)
    {
        CheckOutcome outcome = Run(
            new SanitizerCheck(),
            "compute-sanitizer",
            $"*tcn*) echo 'Invalid __global__ read' >&2; exit {code} ;;"
        );
        Assert.That(outcome.Verdict, Is.EqualTo(verdict));
        Assert.That(outcome.Reason, Is.EqualTo($"tcn: exit code {code}: Invalid __global__ read"));
    }

    [Test]
    public void The_peer_s_steps_are_set_beside_ours()
    {
        CheckOutcome outcome = Run(
            new PeerCheck(),
            "python3",
            SeesGpu
                + """*"--hidden 4 --layers 1 --length 6"*) echo '{"step_ms":3,"tf32":false}' ;;"""
        );
        Assert.That(outcome.Verdict, Is.EqualTo(CheckOutcome.IsHeld), outcome.Reason);
        Dictionary<string, double> found = outcome.Figures.ToDictionary(f => f.Name, f => f.Value);
        foreach (PeerMode mode in PythonPeer.All.SelectMany(p => p.Modes))
            Assert.That(
                found[$"{mode.Only ?? "lstm"}, ours over {mode.Name}"],
                Is.EqualTo(0.5),
                mode.Name
            );
    }

    [TestCase("""*"--arch"*) echo '{"step_ms":3,"tf32":true}' ;;""", CheckOutcome.IsDifferent)]
    [TestCase("""*"--arch"*) echo 'no such kernel' >&2; exit 1 ;;""", CheckOutcome.IsFailed)]
    [TestCase(
        """*jax_peer.py*) echo '{"step_ms":3,"tf32":true}' ;; *) echo '{"step_ms":3,"tf32":false}' ;;""",
        CheckOutcome.IsDifferent
    )]
    public void A_peer_that_fails_or_computes_otherwise_is_told(string says, string verdict)
    {
        CheckOutcome outcome = Run(new PeerCheck(), "python3", SeesGpu + says);
        Assert.That(outcome.Verdict, Is.EqualTo(verdict), outcome.Reason);
    }

    [TestCase("*) echo \"No module named 'torch'\" >&2; exit 1 ;;", "No module named 'torch'")]
    [TestCase("*) echo '2.8.0 False' ;;", "2.8.0 False")]
    public void A_python_without_a_gpu_is_a_reason_to_skip(string says, string reason)
    {
        CheckOutcome outcome = Run(new PeerCheck(), "python3", says);
        Assert.That(outcome.Verdict, Is.EqualTo(CheckOutcome.IsSkipped));
        Assert.That(outcome.Reason, Does.Contain(reason));
    }

    [TestCase("torch", "jax", "PyTorch")]
    [TestCase("jax", "torch", "JAX")]
    public void One_of_two_is_measured_alone_and_the_other_s_absence_told(
        string missing,
        string there,
        string name
    )
    {
        CheckOutcome outcome = Run(
            new PeerCheck(),
            "python3",
            $"*'import {missing}'*) echo 'No module named it' >&2; exit 1 ;; {SeesGpu}"
                + $$"""*{{there}}_peer.py*) echo '{"step_ms":3,"tf32":false}' ;;"""
        );
        Assert.That(outcome.Verdict, Is.EqualTo(CheckOutcome.IsHeld), outcome.Reason);
        Assert.That(
            outcome.Figures.Select(f => f.Name),
            Has.Member($"not measured: {name} sees no GPU: exit code 1: No module named it")
        );
    }

    [Test]
    public void Tools_that_are_not_there_are_a_reason_to_skip()
    {
        using var context = new Scripted(Folder);
        Assert.That(
            new PeerCheck().Run(context),
            Has.Property("Verdict").EqualTo(CheckOutcome.IsSkipped)
        );
    }

    /// <summary>Runs a check with a script in a tool's place, whose answers are cases over all of its arguments.</summary>
    private CheckOutcome Run(Check check, string tool, string cases)
    {
        string path = PathOf(tool);
        File.WriteAllText(path, $"#!/bin/sh\ncase \"$*\" in\n{cases}\nesac\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        using var context = new Scripted(Folder);
        return check.Run(context);
    }

    // A real GPU's context, whose programs are those of the folder, and whose bench has a known answer.
    private sealed class Scripted(string folder) : CheckContext(isVirtual: false, folder)
    {
        public override string? Find(string name) =>
            Path.Combine(Folder, name) is var path && File.Exists(path) ? path : null;

        public override FinishedProcess Sequor(params string[] arguments)
        {
            string arch = arguments.Contains("--arch")
                ? arguments[Array.IndexOf(arguments, "--arch") + 1]
                : "lstm";
            File.WriteAllText(
                arguments[Array.IndexOf(arguments, "--json") + 1],
                Bench.Replace("ARCH", arch, StringComparison.Ordinal)
            );
            return new FinishedProcess(0, "", "");
        }
    }
}
