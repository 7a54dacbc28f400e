using NUnit.Framework;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tests.Training;

/// <summary>A save on the way that fails is told once, tried again and ends nothing.</summary>
[TestFixture]
public sealed class CheckpointSaverTests
{
    private sealed class Clock : TimeProvider
    {
        public TimeSpan Now { get; set; } = TimeSpan.FromDays(1);

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }

    private readonly List<string> _told = [];
    private Clock _clock = null!;
    private Exception? _failure;
    private int _saves;
    private CheckpointSaver _saver = null!;

    [SetUp]
    public void MakeSaver()
    {
        _told.Clear();
        (_clock, _failure, _saves) = (new Clock(), null, 0);
        _saver = new CheckpointSaver(Save, _told.Add, _clock);

        void Save()
        {
            _saves++;
            if (_failure is not null)
                throw _failure;
        }
    }

    private static IOException Full(string name) =>
        new($"Cannot write '{name}'", new IOException("No space left") { HResult = 28 });

    [Test]
    public void A_step_is_saved_once()
    {
        Assert.That(_saver.SavedAt, Is.Negative);
        Assert.That(_saver.TrySave(5));
        Assert.That(_saver.TrySave(5));
        Assert.That(_saves, Is.EqualTo(1));
        _saver.Resumed(7);
        Assert.That(_saver.TrySave(7));
        Assert.That((_saves, _saver.SavedAt), Is.EqualTo((1, 7L)));
        Assert.That(_told, Is.Empty);
    }

    [Test]
    public void Hours_of_one_failure_are_told_in_two_lines()
    {
        _saver.TrySave(1);
        for (int i = 0; i < 1000; i++)
        {
            // As messages with the names of temporary files do, each differs.
            _failure = Full($"{i}");
            Assert.That(_saver.TrySave(10 + i), Is.False);
        }
        Assert.That(_told, Has.Count.EqualTo(1));
        Assert.That(
            _told[0],
            Does.Contain("step 10 was not saved").And.Contain("'0'").And.Contain("step 1 stays")
        );
        _failure = null;
        Assert.That(_saver.TrySave(2000));
        Assert.That(_told, Has.Count.EqualTo(2));
        Assert.That(_told[1], Does.Contain("saved again").And.Contain("step 2000"));
        Assert.That(_saver.Failure, Is.Null);
    }

    [Test]
    public void Another_reason_is_told_and_so_is_the_same_after_success()
    {
        _failure = Full("x");
        _saver.TrySave(1);
        Assert.That(_told[0], Does.Contain("none before"));
        _failure = new UnauthorizedAccessException("closed");
        _saver.TrySave(2);
        Assert.That(_told, Has.Count.EqualTo(2));
        Assert.That(_told[1], Does.Contain("closed"));
        _failure = null;
        _saver.TrySave(3);
        _failure = new UnauthorizedAccessException("closed");
        _saver.TrySave(4);
        Assert.That(_told, Has.Count.EqualTo(4));
    }

    [Test]
    public void It_is_due_again_after_waits_that_grow_to_minutes()
    {
        Assert.That(_saver.IsDueAgain, Is.False);
        _failure = Full("x");
        var waits = new List<int>();
        for (int step = 1; step <= 9; step++)
        {
            _saver.TrySave(step);
            int seconds = 0;
            for (; !_saver.IsDueAgain; seconds++)
                _clock.Now += TimeSpan.FromSeconds(1);
            waits.Add(seconds);
        }
        Assert.That(waits, Is.EqualTo(new[] { 5, 10, 20, 40, 80, 160, 300, 300, 300 }));
        _failure = null;
        _saver.TrySave(10);
        Assert.That(_saver.IsDueAgain, Is.False);
        _failure = Full("x");
        _saver.TrySave(11);
        _clock.Now += TimeSpan.FromSeconds(5);
        Assert.That(_saver.IsDueAgain, "the first wait is short again");
    }

    [Test]
    public void What_is_no_failure_of_the_file_is_not_held_back()
    {
        _failure = new DivergedException("NaN");
        Assert.That(() => _saver.TrySave(1), Throws.TypeOf<DivergedException>());
        Assert.That(_told, Is.Empty);
    }
}
