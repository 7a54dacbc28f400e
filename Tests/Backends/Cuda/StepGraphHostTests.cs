using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>
/// What the host changes between the steps of a <see cref="StepGraph"/>, states and lengths apart: each step gives what one
/// that is not recorded gives. The list is that of <see cref="StepTracer"/>.
/// </summary>
[TestFixture]
public sealed class StepGraphHostTests : StepGraphFixture
{
    [Test]
    public void The_norm_to_clip_at([Values] bool schedule)
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu),
            before: run =>
            {
                if (run.Number >= Change || schedule)
                    run.Optimizer.MaxGradientNorm = 0.5f / (1 + run.Number);
                if (run.Number == Steps - 1)
                    run.Optimizer.MaxGradientNorm = float.PositiveInfinity;
            },
            step: run => run.Train()
        );
        Assert.That(graph.Replays, Is.EqualTo(Steps - StepGraph.EagerSteps), graph.EagerReason);
    }

    [Test]
    public void A_norm_that_is_given_to_the_update_stays_recorded_until_it_changes()
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu),
            step: run => run.Train(clip: run.Number < Change ? 0.1f : 0.01f)
        );
        Assert.That(graph.Replays, Is.EqualTo(Steps - StepGraph.EagerSteps - 1));
        Assert.That(graph.EagerReason, Does.Contain("set MaxGradientNorm before"));
    }

    [Test]
    public void A_norm_that_changes_at_each_update_runs_as_it_is()
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu),
            step: run => run.Train(clip: 1f / (1 + run.Number))
        );
        Assert.That(graph.Replays, Is.Zero);
        Assert.That(graph.EagerReason, Does.Contain("set MaxGradientNorm before"));
    }

    [Test]
    public void Gradients_that_accumulate_and_updates_that_are_left_out([Values(2, 4)] int of)
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu),
            step: run =>
            {
                run.Plan.Forward(run.Plan.Input(T, B));
                run.Plan.Backward(run.Loss.Compute(), accumulate: run.Number % of != 0);
                if (run.Number % of == of - 1)
                    run.Optimizer.Step();
            },
            steps: 14
        );
        Assert.That(
            (graph.Graphs, graph.EagerReason),
            Is.EqualTo((of == 2 ? 2 : 3, (string?)null))
        );
    }

    [Test]
    public void Gradients_that_accumulate_from_some_step_on()
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu),
            step: run =>
            {
                run.Plan.Forward(run.Plan.Input(T, B));
                run.Plan.Backward(run.Loss.Compute(), run.Number >= Change);
                run.Optimizer.Step();
            }
        );
        Assert.That((graph.Graphs, graph.EagerReason), Is.EqualTo((2, (string?)null)));
    }

    [Test]
    public void Another_input_tensor_each_time()
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu),
            step: run =>
            {
                run.Plan.Forward(run.Inputs[run.Number % 3]);
                run.TrainFrom(run.Plan.Output);
            },
            steps: 14
        );
        Assert.That((graph.Graphs, graph.EagerReason), Is.EqualTo((3, (string?)null)));
        Assert.That(graph.Replays, Is.GreaterThan(7));
    }

    [Test]
    public void Copies_within_the_step_from_another_tensor_each_time()
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu),
            step: run =>
            {
                run.Inputs[run.Number < Change ? 0 : 1].CopyTo(run.Plan.Input(T, B));
                run.Train();
                run.Plan.Output.CopyTo(run.Kept);
            },
            after: run => run.Noted.AddRange(run.Kept.ToArray())
        );
        Assert.That((graph.Graphs, graph.EagerReason), Is.EqualTo((2, (string?)null)));
    }

    [Test]
    public void Two_losses_of_a_plan_of_which_one_has_weights_at_times()
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu),
            before: run =>
            {
                run.Plan.Input(T, B);
                run.Other.SetTargets(
                    [0, 1, 0, 1, 1, 0],
                    run.Number % 2 == 0 ? [1, 0, 0.5f, 0, 1, 0] : default
                );
            },
            step: run =>
            {
                run.Plan.Forward(run.Plan.Input(T, B));
                run.Plan.Backward(run.Loss.Compute());
                run.Other.Compute();
                run.Optimizer.Step();
            },
            after: run => run.Noted.Add(run.Other.ReadValue())
        );
        Assert.That((graph.Graphs, graph.EagerReason), Is.EqualTo((2, (string?)null)));
    }

    [Test]
    public void Another_loss_from_some_step_on()
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu),
            before: run =>
            {
                run.Plan.Input(T, B);
                run.Other.SetTargets([0, 1, 0, 1, 1, 0]);
            },
            step: run =>
            {
                run.Plan.Forward(run.Plan.Input(T, B));
                run.Plan.Backward(run.Number < Change ? run.Loss.Compute() : run.Other.Compute());
                run.Optimizer.Step();
            }
        );
        Assert.That((graph.Graphs, graph.EagerReason), Is.EqualTo((2, (string?)null)));
    }

    [Test]
    public void An_optimizer_that_was_disposed_and_made_anew()
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu, most: 1),
            before: run =>
            {
                if (run.Number != Change)
                    return;
                run.Plan.Backend.Synchronize();
                run.Optimizer.Dispose();
                run.Optimizer = new Adam(run.Plan, 0.02f);
            }
        );
        // The graph of the one that is gone has made room.
        Assert.That((graph.Graphs, graph.EagerReason), Is.EqualTo((1, (string?)null)));
        Assert.That(graph.Replays, Is.EqualTo(Steps - 2 * StepGraph.EagerSteps));
    }

    [Test]
    public void What_was_disposed_is_not_replayed()
    {
        using var run = new StepRun(Gpu);
        for (int i = 0; i < 4; i++)
            run.Next();
        Assert.That(run.Graph.Replays, Is.EqualTo(2));
        run.Plan.Backend.Synchronize();
        run.Optimizer.Dispose();

        Assert.Throws<ObjectDisposedException>(() => run.Next());
        run.Graph.Dispose();
        Assert.Throws<ObjectDisposedException>(() => run.Next());
    }

    [Test]
    public void Another_plan_of_the_model_in_the_same_step()
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu),
            before: run => run.Second.Input(T, B).Write(new Draw(99).Uniform(T * B * Inputs)),
            step: run =>
            {
                run.Train();
                run.Second.Forward(run.Second.Input(T, B));
                if (run.Number >= Change)
                    run.Second.Output.CopyTo(run.Kept);
            },
            after: run => run.Noted.AddRange(run.Kept.ToArray())
        );
        Assert.That((graph.Graphs, graph.EagerReason), Is.EqualTo((2, (string?)null)));
    }

    [Test]
    public void Rate_dropout_and_a_checkpoint_that_is_loaded()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("sequor");
        StepGraph graph = Alike(
            () =>
                new StepRun(
                    Gpu,
                    new Lstm(Inputs, 4, new RecurrentOptions { Layers = 2, Dropout = 0.3f }),
                    dropout: 0.2f
                ),
            before: run =>
            {
                string path = Path.Combine(folder.FullName, run.IsEager ? "eager" : "graphs");
                if (run.Number == 1)
                    Checkpoint.Save(
                        path,
                        run.Plan,
                        run.Optimizer,
                        0,
                        new Dictionary<string, string>()
                    );
                if (run.Number == Change)
                    Checkpoint.Load(path, run.Plan, run.Optimizer);
                if (run.Number > Change)
                    run.Optimizer.LearningRate *= 0.5f;
            }
        );
        folder.Delete(recursive: true);
        Assert.That(graph.Replays, Is.EqualTo(Steps - StepGraph.EagerSteps), graph.EagerReason);
    }

    [Test]
    public void Values_that_are_read_or_written_within_the_step_at_times()
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu),
            step: run =>
            {
                run.Plan.Forward(run.Plan.Input(T, B));
                if (run.Number == Change)
                    run.Noted.AddRange(run.Plan.Output.ToArray());
                run.Plan.Backward(run.Loss.Compute());
                if (run.Number == Change + 1)
                    run.Optimizer.LearningRate = 1e-3f;
                run.Optimizer.Step();
                if (run.Number == Change + 2)
                    run.Noted.Add(run.Optimizer.GradientNorm);
            }
        );
        Assert.That(graph.Replays, Is.EqualTo(Steps - StepGraph.EagerSteps - 3));
        Assert.That(graph.EagerReason, Does.StartWith("reading a value back"));
    }

    [Test]
    public void A_stream_runs_as_it_is()
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu, new Tcn(Inputs, [4], 3), mode: Mode.Streaming),
            step: run => run.Plan.Forward(run.Plan.Input(T, B)),
            before: run =>
            {
                if (run.Number == Change)
                    run.Plan.Reset();
            },
            after: run => run.Noted.AddRange(run.Plan.Output.ToArray())
        );
        Assert.That(graph.Replays, Is.Zero);
        Assert.That(graph.EagerReason, Does.StartWith("a stream goes on by"));
    }

    [Test]
    public void Work_that_the_step_queues_by_itself_keeps_its_place()
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu),
            step: run =>
            {
                Tensor y = run.Plan.Forward(run.Plan.Input(T, B));
                using var buffer = DeviceBuffer<float>.Wrap(Context, y.Address, y.Count);
                buffer.Span.Slice(0, 2).Fill(0.25f, Stream);
                run.TrainFrom(y);
            }
        );
        Assert.That(graph.Replays, Is.Zero);
        Assert.That(graph.EagerReason, Does.StartWith("the step queues 1 operation of its own"));
    }

    [Test]
    public void What_came_before_an_error_of_the_step_is_done()
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu),
            step: run =>
            {
                run.Train();
                if (run.Number == Change)
                    throw new FormatException();
            }
        );
        Assert.That(graph.Replays, Is.EqualTo(Steps - StepGraph.EagerSteps - 1));
    }

    [Test]
    public void A_step_within_another_is_a_part_of_it()
    {
        StepGraph graph = Alike(() => new StepRun(Gpu, nested: true));
        Assert.That(graph.Replays, Is.EqualTo(Steps - StepGraph.EagerSteps), graph.EagerReason);
    }
}
