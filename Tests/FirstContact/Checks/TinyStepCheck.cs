using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.FirstContact;

/// <summary>A few training steps of one architecture, as they are and replayed as a graph, against the CPU.</summary>
internal sealed class TinyStepCheck(Architecture architecture) : Check
{
    // Two as they are, one that is captured, and replays.
    private const int Steps = 6;

    // Adam divides by what may be near zero, so that later losses agree less well than one step's.
    private const double Tolerance = 1e-3;

    public override string Name => $"step-{architecture.Name}";

    public override string Proves =>
        $"training steps of {architecture.Title} give the CPU's losses";

    public override TimeSpan Limit => TimeSpan.FromSeconds(40);

    public override CheckOutcome Run(CheckContext context)
    {
        float[] expected = Losses(Backend.Create(Device.Cpu));
        double worst = 0;
        foreach (bool graphs in new[] { false, true })
        {
            float[] losses = Losses(context.CreateBackend(new CudaOptions { Graphs = graphs }));
            for (int i = 0; i < Steps; i++)
            {
                double error = Math.Abs(losses[i] - expected[i]) / Math.Abs(expected[i]);
                if (!(error <= Tolerance))
                    return CheckOutcome.Differed(
                        FormattableString.Invariant(
                            $"with graphs {(graphs ? "on" : "off")} the loss of step {i + 1} is {losses[i]:R}, and on the CPU {expected[i]:R}"
                        )
                    );
                worst = Math.Max(worst, error);
            }
        }
        return CheckOutcome.Held(new Figure("largest relative difference", worst, ""));
    }

    private float[] Losses(Backend backend)
    {
        using var step = new TrainingStep(TinyWorkload.Of(architecture), backend, seed: 1);
        float[] losses = new float[Steps];
        for (int i = 0; i < Steps; i++)
        {
            step.Run();
            losses[i] = step.ReadLoss();
        }
        return losses;
    }
}
