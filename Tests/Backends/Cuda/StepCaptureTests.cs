using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Steps in a graph that a caller captures himself: what he changes between its launches holds, or was refused.</summary>
[TestFixture]
public sealed class StepCaptureTests : CudaFixture
{
    private const int T = 3;
    private const int B = 2;
    private const int Steps = 9;

    [Test]
    public void States_rate_norm_and_values_are_those_of_each_launch(
        [Values] bool carries,
        [Values("lstm", "gru")] string name
    )
    {
        var losses = new List<float>[2];
        var parameters = new float[2][];
        foreach (bool captured in new[] { false, true })
        {
            Layer body = name == "lstm" ? new Lstm(2, 4, 2) : new Gru(2, 4);
            using var run = new StepRun(Gpu, body, states: true, dropout: 0.2f);
            var noted = losses[captured ? 1 : 0] = [];
            CudaGraph? graph = null;
            CudaGraphExec? exec = null;
            for (int k = 0; k < Steps; k++)
            {
                if (k % 4 == 3)
                    run.Plan.States.Reset();
                if (k == 5)
                {
                    Tensor initial = run.Plan.States["0"].Initial(B).Hidden;
                    initial.Write(new Draw(3).Uniform((int)initial.Count));
                }
                run.Optimizer.MaxGradientNorm = k < 4 ? float.PositiveInfinity : 0.1f / k;
                run.Optimizer.LearningRate = 0.02f / (k + 1);
                run.Plan.SetInput(new Draw((ulong)k).Uniform(T * B * 2), T, B);
                run.Loss.SetTargets([.. new Draw(50).Uniform(T * B * 2).Select(Math.Abs)]);
                if (captured && k == 2)
                {
                    graph = CudaGraph.Capture(Stream, Step);
                    exec = graph.Instantiate();
                }
                if (exec is null)
                    Step();
                else
                    exec.Launch(Stream);
                noted.Add(run.Loss.ReadValue());
            }
            exec?.Dispose();
            graph?.Dispose();
            parameters[captured ? 1 : 0] = run.Plan.Parameters.ToArray();

            void Step()
            {
                run.Train();
                if (carries)
                    run.Plan.States.CarryOver();
            }
        }
        Assert.That(losses[0].Distinct().Count(), Is.EqualTo(Steps));
        Assert.That(losses[1], Is.EqualTo(losses[0]).Within(Virtual is null ? 1e-4 : 0));
        Assert.That(parameters[1], Is.EqualTo(parameters[0]).Within(Virtual is null ? 1e-4 : 0));
    }

    [Test]
    public void A_norm_that_is_given_to_the_update_is_refused()
    {
        using var run = new StepRun(Gpu);
        run.Plan.SetInput(new float[T * B * 2], T, B);
        run.Loss.SetTargets(new float[T * B * 2]);
        run.Train(clip: 1f);

        Refused(() => run.Train(clip: 1f), "set MaxGradientNorm before");
        Refused(() => run.Optimizer.MaxGradientNorm = 2f, "copying values to the device");
        Assert.That(run.Optimizer.MaxGradientNorm, Is.EqualTo(1f));
        Refused(() => run.Optimizer.LearningRate = 2f, "copying values to the device");
        Assert.That(run.Optimizer.LearningRate, Is.EqualTo(0.02f));
    }

    [Test]
    public void Lengths_and_streams_are_refused()
    {
        using var run = new StepRun(Gpu, variableLengths: true);
        run.Plan.SetInput(new float[T * B * 2], T, B);
        Refused(() => run.Plan.Forward(run.Plan.Input(T, B), [T, 1]), "differ in length");
        Refused(() => run.Plan.ForwardPacked(run.Rows(4), [T, 1]), "differ in length");
        using var stream = new StepRun(Gpu, new Tcn(2, [4], 3), mode: Mode.Streaming);
        stream.Plan.Forward(new float[T * B * 2], T, B);
        Refused(() => stream.Plan.Forward(stream.Plan.Input(T, B)), "a stream goes on by");
    }

    private void Refused(Action step, string message)
    {
        Exception error = Assert.Catch<InvalidOperationException>(() =>
            CudaGraph.Capture(Stream, step)
        );
        Assert.That(error.Message, Does.Contain(message));
        Assert.That(Stream.IsCapturing, Is.False);
    }
}
