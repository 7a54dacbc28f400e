using Sequor.Layers;
using Sequor.Outside;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>What is planted in a step.</summary>
internal enum Planted
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>A copy into memory of its own.</summary>
    Copy,

    /// <summary>A copy into memory that is there anyway, which only a GPU's counts have.</summary>
    CopyAgain,

    /// <summary>A kernel on a GPU, an operation on a CPU, with memory for its result.</summary>
    Launch,

    /// <summary>An object of the managed heap: a layer that takes memory of the backend in a step is refused by it.</summary>
    Managed,

    /// <summary>The same in every third step, as the runtime takes memory at times of its own.</summary>
    ManagedAtTimes,
}

/// <summary>A model of a stranger's layers, with a change in one of them.</summary>
/// <param name="planted">The change.</param>
/// <param name="amount">How much memory it takes, where that is not given by the shapes.</param>
/// <param name="backward">Whether it is in the backward pass.</param>
internal sealed class PlantedArchitecture(Planted planted, int amount, bool backward) : Architecture
{
    public override string Name => "stranger";

    public override int Order => 99;

    public override string Title => "Stranger";

    public override string DepthName => "layer";

    public override int DefaultDepth => 1;

    public override long KeptBytes(long rows, PresetModel sizes) => 0;

    private protected override Layer Body(int inputs, PresetModel sizes) =>
        new Sequential(
            new LeakySum(inputs, sizes.Hidden),
            new PlantedLayer(sizes.Hidden, planted, amount, backward),
            new GatedSkip(sizes.Hidden)
        );
}

/// <summary>y = x by a copy, and what is planted besides.</summary>
internal sealed class PlantedLayer(int size, Planted planted, int amount, bool backward) : Layer
{
    public override int InputSize => size;

    public override int OutputSize => size;

    protected internal override LayerPlan CreatePlan(
        PlanBuilder builder,
        Shape input,
        out Shape output
    )
    {
        output = input;
        return new Passes(builder, input, planted, amount, backward);
    }

    private sealed class Passes(
        PlanBuilder builder,
        Shape shape,
        Planted planted,
        int amount,
        bool backward
    ) : LayerPlan
    {
        private readonly TensorOperations _operations = builder.Operations;
        private readonly GradientFlow _flow = builder.Gradients;
        private readonly Slot _output = builder.Output(shape);
        private readonly Slot? _spare = planted is Planted.Copy or Planted.Launch
            ? builder.Keep(shape)
            : null;

        private Tensor _x;
        private byte[] _kept = [];
        private int _times;

        public override Tensor Forward(Tensor x)
        {
            _x = x;
            Tensor y = _output.For(x.Shape.First, x.Shape[1]);
            _operations.Copy(x, y);
            if (!backward)
                Plant(y);
            return y;
        }

        public override Tensor Backward(Tensor dy)
        {
            Tensor dx = _flow.Whole(dy, _x.Shape.First);
            if (backward)
                Plant(dx);
            return dx;
        }

        private void Plant(Tensor tensor)
        {
            (int steps, int batch) = (_x.Shape.First, _x.Shape[1]);
            switch (planted)
            {
                case Planted.Copy:
                    _operations.Copy(tensor, _spare!.For(steps, batch));
                    break;
                case Planted.CopyAgain:
                    // Nothing reads it after that, in either pass.
                    _operations.Copy(backward ? tensor : _x, _output.For(steps, batch));
                    break;
                case Planted.Launch:
                    _operations.Add(tensor, tensor, _spare!.For(steps, batch));
                    break;
                case Planted.Managed:
                    _kept = new byte[amount];
                    break;
                case Planted.ManagedAtTimes:
                    if (_times++ % 3 == 0)
                        _kept = new byte[amount];
                    break;
            }
            GC.KeepAlive(_kept);
        }
    }
}
