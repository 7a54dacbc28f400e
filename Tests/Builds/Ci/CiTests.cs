using System.Text.RegularExpressions;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Builds;

/// <summary>
/// The files of CI and the templates for users: all that they call is there, and a mistake of each kind, planted in them, is
/// found.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public sealed partial class CiTests
{
    private const string Ci = ".github/workflows/ci.yml";
    private const string OwnGpu = ".github/workflows/gpu.yml";
    private const string GitHub = "docs/ci/github.yml";
    private const string OwnModel = "docs/ci/own-model.yml";
    private const string GitLab = "docs/ci/gitlab.yml";
    private const string Jenkins = "docs/ci/Jenkinsfile";

    private static readonly string[] Files = [Ci, OwnGpu, GitHub, OwnModel, GitLab, Jenkins];

    private static string Text(string file) =>
        File.ReadAllText(Path.Combine(Repository.Root(), file));

    private static IReadOnlyList<string> Problems(string file, string text)
    {
        string root = Repository.Root();
        return file switch
        {
            GitLab => new PipelineCheck(root).Of(text),
            Jenkins => new JenkinsCheck(root).Of(text),
            // A run on a GPU takes what another workflow left.
            OwnGpu => new WorkflowCheck(root, [.. WorkflowCheck.Uploads(Text(Ci))]).Of(text),
            _ => new WorkflowCheck(root, []).Of(text),
        };
    }

    [Test]
    public void Every_file_of_ci_is_one_of_these()
    {
        string root = Repository.Root();
        string[] found =
        [
            .. Directory.GetFiles(Path.Combine(root, ".github", "workflows")),
            .. Directory
                .GetFiles(Path.Combine(root, "docs", "ci"))
                .Where(file => !file.EndsWith(".md", StringComparison.Ordinal)),
        ];
        Assert.That(
            found.Select(file => Path.GetRelativePath(root, file).Replace('\\', '/')),
            Is.EquivalentTo(Files)
        );
    }

    [TestCaseSource(nameof(Files))]
    public void What_a_file_calls_is_there_and_a_stranger_can_do_no_harm(string file) =>
        Assert.That(Problems(file, Text(file)), Is.Empty);

    [Test]
    public void Commands_of_the_page_are_there()
    {
        var check = new CommandCheck(Repository.Root());
        string[] blocks =
        [
            .. Fence().Matches(Text("docs/ci/README.md")).Select(match => match.Groups[1].Value),
        ];
        Assert.That(blocks, Has.Length.AtLeast(2));
        Assert.That(
            blocks.SelectMany(block => check.Of(block, new Dictionary<string, string>())),
            Is.Empty
        );
    }

    [Test]
    public void An_action_has_the_same_hash_wherever_it_is_used()
    {
        var actions = Files
            .SelectMany(file => Pin().Matches(Text(file)))
            .Select(match => (Name: match.Groups[1].Value, Pin: match.Groups[2].Value.Trim()))
            .Distinct()
            .ToList();
        Assert.That(actions, Is.Not.Empty);
        Assert.That(actions.Select(action => action.Name), Is.Unique);
    }

    private static IEnumerable<TestCaseData> Planted()
    {
        // Its form.
        yield return Case(Ci, "jobs:\n", "jobs:\n  - a\n", "no YAML");
        yield return Case(Ci, "permissions: {}", "permissions: {", "no YAML");
        yield return Case(Ci, "  check:\n", "  paired:\n", "Duplicate key");
        yield return Case(
            Ci,
            "timeout-minutes: 60",
            "timeout-minute: 60",
            "'timeout-minute' is no key of a job"
        );
        yield return Case(
            Ci,
            "fetch-depth: 0",
            "fetch-dept: 0",
            "'fetch-dept' is no key of actions/checkout"
        );
        yield return Case(Ci, "        with:\n", "        width:\n", "'width' is no key of a step");
        yield return Case(
            Ci,
            "[check, paired]",
            "[check, pairs]",
            "needs 'pairs', which is no job"
        );
        yield return Case(Ci, "runs-on: ubuntu-24.04", "runs-on: ubuntu-latest", "runs-on must be");
        yield return Case(
            Ci,
            "timeout-minutes: 60\n",
            "timeout-minutes: 600\n",
            "timeout-minutes must be 1 to 120"
        );
        yield return Case(
            Ci,
            "${{ github.ref }}",
            "${{ github.ref }",
            "an expression is not closed"
        );
        yield return Case(Ci, "${{ github.ref }}", "${{ githup.ref }}", "uses githup");
        yield return Case(
            Ci,
            "pattern: report-*",
            "pattern: reports-*",
            "no job leaves an artifact 'reports-*'"
        );
        yield return Case(
            OwnGpu,
            "name: bundle-base",
            "name: bundle-basis",
            "no job leaves an artifact 'bundle-basis'"
        );
        yield return Case(OwnGpu, "shell: bash", "shell: sh", "defaults.run.shell must be bash");
        // Scripts, verbs, options, files.
        yield return Case(Ci, "run: .ci/run", "run: .ci/runs", "there is no script '.ci/runs'");
        yield return Case(
            Ci,
            "run: ./build.sh test",
            "run: ./biuld.sh test",
            "there is no script './biuld.sh'"
        );
        yield return Case(Ci, "run: ./build.sh bundle", "run: ./build.sh bundel", "bundel");
        yield return Case(
            Ci,
            "run: ./build.sh bundle",
            "run: ./build.sh bundle all",
            "bundle takes no all"
        );
        yield return Case(
            Ci,
            "run: ./build.sh test",
            "run: ./build.sh test --most",
            "test has no option --most"
        );
        yield return Case(Ci, "./build.ps1 gate", "./build.ps1 gates", "gates");
        yield return Case(Ci, "gate --markdown counts.md", "gate --marked counts.md", "--marked");
        yield return Case(Ci, "--minutes 10", "--minute 10", "--minute");
        yield return Case(Ci, "--minutes 10", "--minutes ten", "--minutes");
        yield return Case(Ci, "--device cpu", "--device tpu", "--device");
        yield return Case(Ci, "bench --device", "benhc --device", "benhc");
        yield return Case(
            Ci,
            "artifacts/bin/Sequor.Tool/release/sequor",
            "artifacts/bin/Sequor.Tools/release/sequor",
            "no project builds"
        );
        yield return Case(
            Ci,
            "artifacts/bin/Sequor.Tool/release/sequor",
            "artifacts/bin/Sequor.Tool/release/Sequor",
            "no project builds"
        );
        yield return Case(
            Ci,
            "global-json-file: global.json",
            "global-json-file: globals.json",
            "there is no 'globals.json'"
        );
        yield return Case(
            Ci,
            "            echo\n",
            "            ehco\n",
            "there is no program 'ehco'"
        );
        yield return Case(
            Ci,
            "\"$(git merge-base",
            "\"$(gti merge-base",
            "there is no program 'gti'"
        );
        yield return Case(
            OwnGpu,
            "bundle/head/start.sh doctor",
            "bundle/head/begin.sh doctor",
            "there is no script"
        );
        yield return Case(OwnGpu, "start.sh doctor", "start.sh docter", "docter");
        yield return Case(
            OwnGpu,
            "TestCategory=Gpu",
            "TestCategory=Gpus",
            "no test has the category Gpus"
        );
        yield return Case(
            OwnGpu,
            "SEQUOR_REQUIRE_GPU",
            "SEQUOR_REQUIRES_GPU",
            "nothing reads SEQUOR_REQUIRES_GPU"
        );
        yield return Case(
            OwnGpu,
            "comment.sh \"$NUMBER\"",
            "coment.sh \"$NUMBER\"",
            "there is no script '.github/scripts/coment.sh'"
        );
        yield return Case(GitHub, "--vector-bits 256", "--vector-bits 250", "--vector-bits");
        yield return Case(GitHub, "compare --counts", "compare --count", "--count");
        // What bash cannot read.
        yield return Case(
            Ci,
            "          exit \"$code\"\n",
            "          exit \"$code\n",
            "bash cannot read it"
        );
        yield return Case(
            Ci,
            "          } >paired.md",
            "          >paired.md",
            "bash cannot read it"
        );
        // What a stranger could do.
        yield return Case(
            Ci,
            "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0",
            "actions/checkout@v5",
            "is not pinned"
        );
        yield return Case(
            Ci,
            "08c6903cd8c0fde910a37f88322edcfb5dd907a8",
            "08c6903cd8c0fde910a37f88322edcfb5dd907a",
            "is not pinned"
        );
        yield return Case(Ci, " # v5.0.0", "", "no comment with its version");
        yield return Case(
            Ci,
            "actions/checkout@",
            "someone/checkout@",
            "someone/checkout is no action that is known"
        );
        yield return Case(
            Ci,
            "permissions: {}",
            "permissions: write-all",
            "permissions of the file must be {}"
        );
        yield return Case(
            Ci,
            "    permissions:\n      contents: read\n    steps",
            "    steps",
            "permissions are missing"
        );
        yield return Case(
            Ci,
            "      contents: read\n",
            "      contents: write\n",
            "it may write, and runs for a fork"
        );
        yield return Case(
            Ci,
            "pull-requests: write",
            "pull-request: write",
            "permission pull-request: write is none"
        );
        yield return Case(
            Ci,
            "  pull_request:\n",
            "  pull_request_target:\n",
            "'pull_request_target' is no event"
        );
        yield return Case(
            Ci,
            "persist-credentials: false",
            "persist-credentials: true",
            "leaves its token behind"
        );
        yield return Case(
            Ci,
            "ref: ${{ github.event.pull_request.base.sha }}",
            "ref: ${{ github.head_ref }}",
            "it may write, and checks out the change"
        );
        yield return Case(
            Ci,
            " &&\n      github.event.pull_request.head.repo.full_name == github.repository",
            "",
            "it may write, and runs for a fork"
        );
        yield return Case(
            Ci,
            "cat report/*.md >report.md",
            "./build.sh doctor >report.md",
            "it may write, and runs the code of the change"
        );
        yield return Case(
            Ci,
            "--detach ../base \"$(git merge-base \"$BASE\" HEAD)\"",
            "--detach ../base ${{ github.head_ref }}",
            "an expression in a script"
        );
        yield return Case(Ci, "${{ github.token }}", "${{ secrets.TOKEN }}", "uses secrets");
        yield return Case(
            Ci,
            "concurrency:\n  group",
            "concurrency:\n  groups",
            "concurrency has no group"
        );
        yield return Case(
            OwnGpu,
            " &&\n      github.event.workflow_run.head_repository.full_name == github.repository\n    runs-on: [self",
            "\n    runs-on: [self",
            "a machine of one's own runs a fork's code"
        );
        yield return Case(
            OwnGpu,
            "full_name == github.repository\n    runs-on: [self",
            "full_name == github.repository || true\n    runs-on: [self",
            "a machine of one's own runs a fork's code"
        );
        yield return Case(
            OwnGpu,
            "full_name == github.repository\n    runs-on: [self",
            "full_name == github.repository_owner\n    runs-on: [self",
            "a machine of one's own runs a fork's code"
        );
        yield return Case(OwnGpu, "    environment: gpu\n", "", "runs without approval");
        yield return Case(
            OwnGpu,
            "  workflow_run:\n    workflows: [CI]\n    types: [completed]\n",
            "  pull_request:\n",
            "must be started by workflow_run"
        );
        yield return Case(
            OwnModel,
            "run: dotnet run",
            "run: dotnett run",
            "there is no program 'dotnett'"
        );
        // GitLab.
        yield return Case(GitLab, "stage: gates", "stage: gate", "its stage 'gate' is none");
        yield return Case(
            GitLab,
            "  script:\n    - sequor/build.sh bench $MODEL $C",
            "  scripts:\n    - sequor/build.sh bench $MODEL $C",
            "it has no script"
        );
        yield return Case(
            GitLab,
            "expose_as: Sequor's counts",
            "expose: Sequor's counts",
            "'expose' is no key of artifacts"
        );
        yield return Case(GitLab, "build.sh compare", "build.sh compares", "compares");
        yield return Case(GitLab, "--arch gru,tcn", "--arch gru,tnc", "--arch");
        yield return Case(
            GitLab,
            "git worktree prune",
            "gitt worktree prune",
            "there is no program 'gitt'"
        );
        yield return Case(GitLab, "| tee paired.txt", "| tee 'paired.txt", "is not closed");
        yield return Case(GitLab, "  timeout: 45 minutes\n", "", "default has no timeout");
        // Jenkins.
        yield return Case(Jenkins, "stage('Counts') {", "stage('Counts') ", "closes nothing");
        yield return Case(Jenkins, "stage('Counts')", "stage('Counts)", "a quote is not closed");
        yield return Case(
            Jenkins,
            "when { changeRequest",
            "whenn { changeRequest",
            "'whenn' is no section"
        );
        yield return Case(Jenkins, "set -euo pipefail", "set -u", "a failure in it would pass");
        yield return Case(
            Jenkins,
            "sequor/build.sh compare",
            "sequor/build.bash compare",
            "there is no script"
        );
        yield return Case(Jenkins, "--threads 2", "--threads two", "--threads");
        yield return Case(
            Jenkins,
            "        timeout(time: 90, unit: 'MINUTES')\n",
            "",
            "it has no timeout"
        );
    }

    private static TestCaseData Case(string file, string old, string planted, string message) =>
        new TestCaseData(file, old, planted, message).SetArgDisplayNames(
            Path.GetFileName(file),
            message,
            Shown(planted.Length == 0 ? $"no {old}" : planted)
        );

    private static string Shown(string text) => text.Replace('\n', ' ').Trim();

    [TestCaseSource(nameof(Planted))]
    public void A_planted_mistake_is_found(string file, string old, string planted, string message)
    {
        string text = Text(file);
        int at = text.IndexOf(old, StringComparison.Ordinal);
        Assert.That(at, Is.AtLeast(0), $"the file no longer has: {old}");
        IReadOnlyList<string> problems = Problems(
            file,
            string.Concat(text.AsSpan(0, at), planted, text.AsSpan(at + old.Length))
        );
        Assert.That(problems, Has.Some.Contains(message), string.Join('\n', problems));
        Assert.That(Problems(file, text), Has.None.Contains(message), "it is found without it too");
    }

    [GeneratedRegex("(?s)```\n(.*?)\n```")]
    private static partial Regex Fence();

    [GeneratedRegex(@"(?m)uses: ([^@\s]+)@(\S+.*)$")]
    private static partial Regex Pin();
}
