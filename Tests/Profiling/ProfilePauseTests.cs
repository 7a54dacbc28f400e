using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Profiling;

/// <summary>A profile that is paused: steps run as without one, and what it saw last can be read.</summary>
[TestFixture]
public sealed class ProfilePauseTests
{
    private Backend _backend = null!;
    private Sequential _model = null!;
    private Plan _plan = null!;
    private Profile _profile = null!;

    [SetUp]
    public void Start()
    {
        _backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        _model = new Sequential(new Gru(2, 3), new Linear(3, 1));
        _plan = _model.Plan(_backend, maxLength: 4, maxBatch: 2, Mode.Training);
        _plan.SetInput(new float[16], 4, 2);
        _profile = Profile.Start(_plan);
    }

    [TearDown]
    public void End()
    {
        _profile.Dispose();
        _plan.Dispose();
        _model.Dispose();
        _backend.Dispose();
    }

    private void Step() => _plan.Forward(_plan.Input(4, 2));

    [Test]
    public void Steps_take_turns_and_the_last_profiled_one_is_read()
    {
        for (int i = 1; i <= 3; i++)
        {
            _profile.IsPaused = false;
            using (_profile.Step())
                Step();
            _profile.IsPaused = true;
            Step();
            Step();
            ProfiledStep step = _profile.Read();
            Assert.That(step.Number, Is.EqualTo(i));
            Assert.That(step.Operations.Sum(o => o.Nanoseconds), Is.EqualTo(step.Nanoseconds));
            Assert.That(
                step.Operations.Select(o => o.Layer),
                Does.Contain("0").And.Contain("1"),
                "one step's operations"
            );
            Assert.That(step.Operations.Count(o => o.Operation == "recurrent"), Is.EqualTo(1));
        }
        Assert.That(_profile.Steps, Is.EqualTo(3));
    }

    [Test]
    public void A_paused_profile_is_told_nothing()
    {
        _profile.IsPaused = true;
        Assert.That(_backend.Probe, Is.Null, "an operation compares one reference with null");
        Step();
        Assert.That(_profile.Steps, Is.Zero);
        Assert.That(() => _profile.Read(), Throws.InvalidOperationException);
        _profile.IsPaused = false;
        Assert.That(_backend.Probe, Is.Not.Null);
    }

    // A step that goes from one Forward to the next ends where the pause begins.
    [Test]
    public void A_pause_ends_a_step_that_nobody_ended()
    {
        Step();
        _profile.IsPaused = true;
        Step();
        Assert.That(
            _profile.Read().Operations.Count(o => o.Operation == "recurrent"),
            Is.EqualTo(1)
        );
        Assert.That(_profile.Steps, Is.EqualTo(1));
    }

    [Test]
    public void It_is_paused_between_steps_alone()
    {
        using (_profile.Step())
        {
            Assert.That(
                () => _profile.IsPaused = true,
                Throws.InvalidOperationException.With.Message.Contains("between steps")
            );
            Step();
        }
        _profile.IsPaused = true;
        _profile.IsPaused = true;
        Assert.That(
            () => _profile.Step(),
            Throws.InvalidOperationException.With.Message.Contains("paused")
        );
    }

    [Test]
    public void It_may_end_while_it_is_paused()
    {
        _profile.IsPaused = true;
        _profile.Dispose();
        Assert.That(() => _profile.IsPaused = false, Throws.TypeOf<ObjectDisposedException>());
        Step();
        using var other = Profile.Start(_plan);
        Step();
        Assert.That(other.Read().Number, Is.EqualTo(1));
    }
}
