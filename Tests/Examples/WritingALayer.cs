using Sequor.Layers;

namespace Sequor.Tests.Examples;

/// <summary>What docs/layers.md shows: a layer with a parameter and both passes.</summary>
internal static class WritingALayer
{
    internal static class Layers
    {
        // Shown
        /// <summary>y = w x, w being a factor for each channel.</summary>
        public sealed class Scale : Layer
        {
            private readonly Parameter _w;

            public Scale(int size)
            {
                InputSize = size;
                _w = new Parameter("w", new Shape(size), Parameter.Constant(1f));
                Parameters = [_w];
            }

            public override int InputSize { get; }
            public override int OutputSize => InputSize;
            public override IReadOnlyList<Parameter> Parameters { get; }

            protected internal override LayerPlan CreatePlan(
                PlanBuilder builder,
                Shape input,
                out Shape output
            )
            {
                output = input;
                return new Passes(this, builder, input);
            }

            private sealed class Passes(Scale layer, PlanBuilder builder, Shape shape) : LayerPlan
            {
                private readonly TensorOperations _operations = builder.Operations;
                private readonly GradientFlow _flow = builder.Gradients;
                private readonly Slot _output = builder.Output(shape);
                private readonly Tensor _w = builder.Value(layer._w);
                private readonly Tensor _wGradient = builder.Gradient(layer._w);
                private readonly bool _inputGradient = builder.InputGradient;
                private Tensor _x;

                public override Tensor Forward(Tensor x)
                {
                    _x = x; // stays as it is until Backward has run
                    Tensor y = _output.For(x.Shape.First, x.Shape[1]);
                    _operations.Fill(y, 0f);
                    _operations.MultiplyAdd(x, _w, y);
                    return y;
                }

                public override Tensor Backward(Tensor dy)
                {
                    dy = _flow.Whole(dy, _x.Shape.First); // below a Last it has one step
                    _operations.ColumnSum(dy, _wGradient, _x); // adds to the gradient
                    if (!_inputGradient)
                        return default;
                    Tensor dx = _flow.Other(dy, _x.Shape);
                    _operations.Fill(dx, 0f);
                    _operations.MultiplyAdd(dy, _w, dx);
                    return dx;
                }
            }
        }
        // Shown
    }
}
