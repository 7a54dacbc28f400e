using Sequor.Layers;

namespace Sequor.Outside.Training;

/// <summary>A stranger's optimizer without state or settings: p -= rate g.</summary>
public sealed class PlainDescent(Plan plan, float learningRate) : Optimizer(plan, learningRate)
{
    public override string Name => "plain";

    public override string Settings => "";

    protected override void Update()
    {
        float[] parameters = Plan.Parameters.ToArray();
        float[] gradients = Plan.Gradients.ToArray();
        for (int i = 0; i < parameters.Length; i++)
            parameters[i] = MathF.FusedMultiplyAdd(-LearningRate, gradients[i], parameters[i]);
        Plan.Parameters.Write(parameters);
    }
}
