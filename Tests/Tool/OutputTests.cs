using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Tool;

/// <summary>Where results go, and what they must not destroy.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
[Platform(Exclude = "Win", Reason = "scripts of bash")]
public sealed class OutputTests : FolderTest
{
    // Each run of the program takes a third of a second: of cases of one kind the ordinary tests have one or two.
    private const string Long = "Long";

    // Few steps of a small model: what is tested comes after them.
    private const string Functions = """
        bench() { "$sequor" bench --arch rnn --length 5 --batch 2 --params 200 --steps 2 --warmup 0 --threads 1 "$@"; }
        train() { "$sequor" train --arch rnn --length 5 --batch 2 --params 200 --steps 2 --threads 1 "$@"; }
        resume() { "$sequor" train --resume saved --steps 4 "$@"; }

        """;

    private string[] Lines(string script)
    {
        ProgramResult result = Program.RunScript(Folder, Functions + script);
        return
        [
            .. (result.Output + result.Error).Split('\n', StringSplitOptions.RemoveEmptyEntries),
        ];
    }

    private void RequireLine(string script, string line) =>
        Assert.That(Lines(script).LastOrDefault(), Is.EqualTo(line));

    [Test]
    public void A_dash_is_standard_output_for_the_json_alone()
    {
        RequireLine(
            "bench --json - >out 2>err; echo $? $(wc -l <out) $(grep -c '^{' out) $(grep -c 'One training step' err) $(ls -A)",
            "0 1 1 1 err out"
        );
        RequireLine("train --json - 2>err | grep -c '^{\"schema\":\"sequor.train/1\".*}$'", "1");
        RequireLine("\"$sequor\" doctor --json - | grep -c '^{\"schema\".*}$'", "1");
        RequireLine("bench --html - 2>err | head -n 1", "<!doctype html>");
    }

    [TestCase("/dev/stdout")]
    [TestCase("/dev/fd/1", Category = Long)]
    [TestCase("/proc/self/fd/1", Category = Long)]
    [TestCase("-")]
    public void What_the_caller_appended_stays(string path)
    {
        if (!OperatingSystem.IsLinux() && path.StartsWith("/proc", StringComparison.Ordinal))
            Assert.Ignore("Only Linux has /proc.");
        RequireLine(
            $"echo first >log; bench --json {path} >>log 2>/dev/null; echo last >>log; echo $? $(head -n 1 log) $(tail -n 1 log) $(grep -c '^{{' log)",
            "0 first last 1"
        );
    }

    [Test]
    public void Another_descriptor_is_written_to()
    {
        RequireLine("bench --json >(cat >out) >/dev/null; sleep 0.3; grep -c '^{' out", "1");
        RequireLine("exec 7>>out; bench --json /dev/fd/7 >/dev/null; grep -c '^{' out", "2");
        RequireLine(
            "bench --json /dev/fd/8 >/dev/null 2>err 8>&-; echo $? $(grep -c 'not open' err)",
            "1 1"
        );
    }

    [Test]
    public void A_fifo_is_written_to_and_no_checkpoint()
    {
        RequireLine(
            "mkfifo p; cat p >got & bench --json p >/dev/null; wait; echo $(grep -c '^{' got) $(stat -c %F p)",
            "1 fifo"
        );
        RequireLine(
            "timeout 20 \"$sequor\" train --arch rnn --checkpoint p 2>err; echo $? $(grep -c FIFO err)",
            "2 1"
        );
        RequireLine(
            "train --checkpoint - 2>err; echo $? $(grep -c 'must be a file' err) $(ls ./- 2>/dev/null)",
            "2 1"
        );
    }

    [Test]
    [Platform("Linux")]
    public void The_folder_of_shared_memory_holds_files()
    {
        RequireLine(
            """
            f=/dev/shm/sequor-test-$$; head -c 9000 /dev/zero >$f; bench --json $f >/dev/null; rc=$?
            train --checkpoint $f.st >/dev/null; echo $rc $? $(head -c 9 $f) $(wc -l <$f) $(ls $f.st | wc -l); rm -f $f $f.*
            """,
            "0 0 {\"schema\" 1 1"
        );
    }

    [TestCase("bench --json o --html o", Category = Long)]
    [TestCase("bench --json d1/o --html d2/o")]
    [TestCase("bench --json f --html hard")]
    [TestCase("bench --json soft --html f", Category = Long)]
    [TestCase("bench --json - --html -", Category = Long)]
    [TestCase("bench --json - --html /dev/stdout")]
    [TestCase("train --json o --checkpoint o")]
    [TestCase("train --json d1/o --checkpoint ./d2/o", Category = Long)]
    [TestCase("train --json dangling --checkpoint o")]
    [TestCase("bench --json f >f", Category = Long)]
    [TestCase("bench --json f >>hard")]
    [TestCase("bench --html f 2>>f", Category = Long)]
    [TestCase("resume --json hardsaved")]
    [TestCase("resume --json saved", Category = Long)]
    public void One_file_for_two_purposes_is_refused(string command)
    {
        bool resumes = command.Contains("resume", StringComparison.Ordinal);
        ProgramResult result = Program.RunScript(
            Folder,
            Functions
                + $"""
                mkdir d1; ln -s d1 d2; echo old >f; ln f hard; ln -s f soft; ln -s o dangling
                {(resumes ? "train --checkpoint saved >/dev/null; ln saved hardsaved" : "")}
                {command}; echo $?
                """
        );
        Assert.That(result.Output.TrimEnd().Split('\n')[^1], Is.EqualTo("2"));
        // Where the message goes is part of one case.
        string written = File.ReadAllText(PathOf("f"));
        Assert.That(
            result.Error + written,
            Does.Contain(resumes ? "would overwrite" : "must be different files")
        );
        Assert.That(written, Does.Not.Contain("{"));
        Assert.That(File.Exists(PathOf("o")), Is.False);
    }

    [Test]
    public void Devices_may_be_used_twice() =>
        RequireLine("bench --json /dev/null --html /dev/null >/dev/null; echo $?", "0");

    [Test]
    public void A_checkpoint_keeps_link_and_mode()
    {
        RequireLine(
            """
            train --checkpoint real >/dev/null; chmod 600 real; ln -s real link; train --checkpoint link >/dev/null
            echo $(readlink link) $(stat -c %a real)
            """,
            "real 600"
        );
    }

    [Test]
    public void A_mounted_file_takes_results_and_checkpoints()
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
            Assert.Ignore("Only root mounts.");
        string[] lines = Lines(
            """
            touch source target; mount --bind source target || { echo no mount; exit; }
            bench --json target >/dev/null; echo $? $(grep -c '^{' source)
            train --checkpoint target --keep 0 >/dev/null; echo $?; umount target; "$sequor" train --resume source --steps 3 >/dev/null; echo $?
            """
        );
        if (lines.Contains("no mount"))
            Assert.Ignore("This system lets nobody mount.");
        Assert.That(lines, Is.EqualTo(new[] { "0 1", "0", "0" }));
        Assert.That(Names(), Is.EqualTo(new[] { "source", "target" }));
    }

    [Test]
    public void First_processes_of_containers_do_not_disturb_each_other()
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
            Assert.Ignore("Only root makes process namespaces.");
        string[] lines = Lines(
            """
            unshare --pid --fork true || { echo no namespaces; exit; }
            for i in 1 2 3; do unshare --pid --fork --mount-proc "$sequor" bench --arch rnn --length 5 --batch 2 --params 200 --steps 2 --threads 1 --json o >/dev/null & done
            wait; grep -c '^{' o
            """
        );
        if (lines.Contains("no namespaces"))
            Assert.Ignore("This system makes no process namespaces.");
        Assert.That(lines, Is.EqualTo(new[] { "1" }));
        Assert.That(Names(), Is.EqualTo(new[] { "o" }));
    }

    [TestCase("bench --bogus 2>&-", "2")]
    [TestCase("bench --bogus >&- 2>&-", "2")]
    [TestCase("bench --bogus <&- >&- 2>&-", "2", Category = Long)]
    [TestCase("bench --bogus 2>/dev/full", "2")]
    [TestCase("bench --json o >&-", "0", Category = Long)]
    [TestCase("train --checkpoint o 2>&-", "0")]
    [TestCase("bench --json o >&- 2>&-", "0")]
    [TestCase("bench --json - >&- 2>/dev/null", "1")]
    [TestCase("bench --json - >/dev/full 2>/dev/null", "1", Category = Long)]
    [TestCase("bench >/dev/full 2>/dev/null", "1")]
    [TestCase("train --checkpoint o >/dev/full 2>/dev/null", "1")]
    [Platform("Linux")]
    public void Closed_and_full_streams_end_no_program_early(string command, string code)
    {
        RequireLine($"{command}; echo $?", code);
        bool written =
            !command.Contains(" o ", StringComparison.Ordinal) || File.Exists(PathOf("o"));
        Assert.That(written, Is.True);
    }

    [Test]
    public void A_reader_that_has_enough_is_no_failure() =>
        RequireLine("bench | head -n 1 >/dev/null; echo ${PIPESTATUS[0]}", "0");

    // The kernel answers the call itself with an error; the file that is there stays.
    [TestCase("ENOSPC", Category = Long)]
    [TestCase("EIO")]
    [TestCase("EDQUOT", Category = Long)]
    [Platform("Linux")]
    public void A_disk_that_fails_to_flush_leaves_the_old_file(string error)
    {
        string[] lines = Lines(
            $$"""
            strace -o /dev/null true 2>/dev/null || { echo no strace; exit; }
            echo old >o; strace -f -qq -o /dev/null -e trace=fsync -e inject=fsync:error={{error}}:when=2+ "$sequor" bench --arch rnn --length 5 --batch 2 --params 200 --steps 2 --threads 1 --json o >/dev/null 2>err
            echo $? $(cat o) $(ls -A); cat err
            """
        );
        if (lines.Contains("no strace"))
            Assert.Ignore("There is no strace here, or it may not trace.");
        Assert.That(lines[0], Is.EqualTo("1 old err o"));
        Assert.That(lines[1], Does.Contain("flushing"));
    }
}
