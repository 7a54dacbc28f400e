using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.FirstContact;

/// <summary>Two runs from one seed, whose losses are compared bit for bit.</summary>
internal sealed class RepeatCheck : Check
{
    public override string Name => "repeat";

    public override string Proves => "two runs from one seed give the same bits";

    public override TimeSpan Limit => TimeSpan.FromSeconds(60);

    public override CheckOutcome Run(CheckContext context)
    {
        int steps = context.IsVirtual ? 5 : 100;
        int length = context.IsVirtual ? 9 : 200;
        foreach (Architecture architecture in Architecture.Compared)
        {
            float[] first = Losses(architecture);
            float[] second = Losses(architecture);
            for (int i = 0; i < steps; i++)
            {
                if (
                    BitConverter.SingleToInt32Bits(first[i])
                    != BitConverter.SingleToInt32Bits(second[i])
                )
                    return CheckOutcome.Differed(
                        FormattableString.Invariant(
                            $"{architecture.Name}: the loss of step {i + 1} is {first[i]:R} and {second[i]:R}"
                        )
                    );
            }
        }
        return CheckOutcome.Held(new Figure("steps of each", steps, ""));

        float[] Losses(Architecture architecture)
        {
            using var step = new TrainingStep(
                TinyWorkload.Of(architecture, length),
                context.CreateBackend(),
                seed: 7
            );
            float[] losses = new float[steps];
            for (int i = 0; i < steps; i++)
            {
                step.Run();
                losses[i] = step.ReadLoss();
            }
            return losses;
        }
    }
}
