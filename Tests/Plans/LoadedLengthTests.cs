using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Plans;

/// <summary>Lengths that an input was loaded with are its lengths until something else lies there.</summary>
public sealed class LoadedLengthTests
{
    private const int Steps = 5;
    private const int Inputs = 2;
    private static readonly int[] Lengths = [2, 5];

    private static Backend Backend => Backends.Get(256, 1);

    private Sequential _model = null!;
    private Plan _plan = null!;
    private float[] _x = null!;
    private float[] _right = null!;
    private float[] _whole = null!;

    [SetUp]
    public void Begin()
    {
        _model = new Sequential(new Gru(Inputs, 4), new Last(4));
        _plan = _model.Plan(
            Backend,
            Steps,
            2,
            Mode.Training,
            new PlanOptions { VariableLengths = true }
        );
        _x = new Draw(3).Uniform(Steps * 2 * Inputs);
        _right = _plan.Forward(_x, Steps, 2, Lengths).ToArray();
        _whole = _plan.Forward(_x, Steps, 2).ToArray();
        Assert.That(_right, Is.Not.EqualTo(_whole));
    }

    [TearDown]
    public void End()
    {
        _plan.Dispose();
        _model.Dispose();
    }

    [Test]
    public void The_tensor_that_Load_gave_has_its_lengths_each_time()
    {
        Tensor input = _plan.SetInput(_x, Steps, 2, Lengths);

        Assert.That(_plan.Forward(input).ToArray(), Is.EqualTo(_right));
        Assert.That(_plan.Forward(input).ToArray(), Is.EqualTo(_right));
        Assert.That(_plan.Forward(_plan.Input(Steps, 2)).ToArray(), Is.EqualTo(_right));
    }

    [Test]
    public void The_same_address_wrapped_has_them_too()
    {
        Tensor input = _plan.SetInput(_x, Steps, 2, Lengths);
        Tensor wrapped = Backend.Wrap(input.Address, input.Shape);

        Assert.That(_plan.Forward(wrapped).ToArray(), Is.EqualTo(_right));
    }

    [Test]
    public void Lengths_given_to_Forward_go_before()
    {
        Tensor input = _plan.SetInput(_x, Steps, 2, Lengths);

        Assert.That(_plan.Forward(input, [Steps, Steps]).ToArray(), Is.EqualTo(_whole));
        Assert.That(_plan.Forward(input).ToArray(), Is.EqualTo(_right));
    }

    [Test]
    public void A_batch_loaded_after_it_without_lengths_has_none()
    {
        _plan.SetInput(_x, Steps, 2, Lengths);

        Assert.That(_plan.Forward(_plan.SetInput(_x, Steps, 2)).ToArray(), Is.EqualTo(_whole));
    }

    [Test]
    public void Values_given_to_Forward_with_lengths_leave_none_behind()
    {
        _plan.Forward(_x, Steps, 2, Lengths);

        Assert.That(_plan.Forward(_plan.Input(Steps, 2)).ToArray(), Is.EqualTo(_whole));
    }

    [Test]
    public void An_input_written_over_as_a_whole_has_none_and_one_changed_in_part_keeps_them()
    {
        Tensor input = _plan.SetInput(_x, Steps, 2, Lengths);
        input.Slice(0, 1).Write(_x.AsSpan(0, 2 * Inputs));
        Assert.That(_plan.Forward(input).ToArray(), Is.EqualTo(_right));

        input.Write(_x);
        Assert.That(_plan.Forward(input).ToArray(), Is.EqualTo(_whole));
    }

    [Test]
    public void An_input_copied_over_has_none()
    {
        using Plan other = _model.Plan(Backend, Steps, 2, Mode.Evaluation);
        Tensor source = other.SetInput(_x, Steps, 2);
        Tensor input = _plan.SetInput(_x, Steps, 2, Lengths);

        source.CopyTo(input);

        Assert.That(_plan.Forward(input).ToArray(), Is.EqualTo(_whole));
    }

    [Test]
    public void A_part_of_it_wants_lengths_of_its_own()
    {
        Tensor input = _plan.SetInput(_x, Steps, 2, Lengths);

        Assert.That(
            () => _plan.Forward(input.Slice(0, 3)),
            Throws.ArgumentException.With.Message.Contains("[3, 2, 2]")
        );
        Assert.That(
            () => _plan.Forward(input.Slice(2, 3)),
            Throws.ArgumentException.With.Message.Contains("lengths")
        );
        Assert.That(() => _plan.Forward(input.Slice(0, 3), [2, 3]), Throws.Nothing);
        Assert.That(() => _plan.Forward(_plan.Input(3, 2)), Throws.Nothing);
    }

    [Test]
    public void A_tensor_elsewhere_does_not_have_them()
    {
        using Plan other = _model.Plan(Backend, Steps, 2, Mode.Evaluation);
        _plan.SetInput(_x, Steps, 2, Lengths);

        Assert.That(_plan.Forward(other.SetInput(_x, Steps, 2)).ToArray(), Is.EqualTo(_whole));
    }

    [Test]
    public void A_load_that_is_refused_leaves_those_before_it()
    {
        Tensor input = _plan.SetInput(_x, Steps, 2, Lengths);

        Assert.That(() => _plan.SetInput(_x, Steps, 2, [1, 6]), Throws.ArgumentException);
        Assert.That(() => _plan.SetInput(_x.AsSpan(1), Steps, 2, [1, 1]), Throws.ArgumentException);

        Assert.That(_plan.Forward(input).ToArray(), Is.EqualTo(_right));
    }

    [Test]
    public void A_loss_and_a_graph_are_told_them()
    {
        Assert.That(_plan.LoadedLengths.ToArray(), Is.Empty);
        Tensor input = _plan.SetInput(_x, Steps, 2, Lengths);
        Assert.That(_plan.LoadedLengths.ToArray(), Is.EqualTo(Lengths));
        Assert.That(_plan.ForwardLengths.ToArray(), Is.Empty);

        _plan.Forward(input);
        Assert.That(_plan.ForwardLengths.ToArray(), Is.EqualTo(Lengths));

        _plan.Forward(_x, Steps, 2, [3, 1]);
        Assert.That(_plan.ForwardLengths.ToArray(), Is.EqualTo(new[] { 3, 1 }));
        Assert.That(_plan.LoadedLengths.ToArray(), Is.Empty);

        _plan.ForwardPacked(_x.AsSpan(0, 3 * Inputs), [2, 1]);
        Assert.That(_plan.ForwardLengths.ToArray(), Is.Empty);

        _plan.SetInput(_x, Steps, 2, [Steps, Steps]);
        Assert.That(_plan.LoadedLengths.ToArray(), Is.Empty);
    }
}
