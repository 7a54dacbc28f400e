// A layer of one's own: a sum that leaks, y_t = a y_(t-1) + x_t, with a learned rate a for each channel. It has both passes,
// streams, and runs on every backend, since it is made of operations that all of them have. The gradients are checked by differences,
// and then the layer finds the rate by which a signal was summed. dotnet run 06-own-layer.cs [STEPS] [DEVICE]
#:package Sequor.Layers@*-*
using Sequor.Layers;

int steps = 200;
Device device = Device.Cpu;
if (
    args.Length > 2
    || (args.Length > 0 && !(int.TryParse(args[0], out steps) && steps > 0))
    || (args.Length > 1 && !Device.TryParse(args[1], out device))
)
{
    Console.Error.WriteLine(
        "usage: dotnet run 06-own-layer.cs [STEPS] [DEVICE]; steps from 1 on, a device of auto, cpu, cuda, cuda:N"
    );
    return 2;
}
Backend backend;
try
{
    backend = Backend.Create(device);
}
catch (DeviceUnavailableException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
using var owned = backend;
using var model = new LeakySum(2);
using Plan plan = model.Plan(backend, maxLength: 20, maxBatch: 3, Mode.Training);
using var loss = new MeanSquaredError(plan);

var random = new Random(1);
float[] x = [.. Enumerable.Range(0, 20 * 3 * 2).Select(_ => random.NextSingle() - 0.5f)];
float[] y = Sum(x, [0.9f, 0.5f]);

// The gradient by each parameter, beside the difference of the losses on both sides of its value.
plan.Forward(x, 20, 3);
plan.Backward(loss.Compute(y));
float[] gradients = plan.Gradients.ToArray();
float[] values = plan.Parameters.ToArray();
for (int i = 0; i < model.ParameterCount; i++)
    Console.WriteLine(
        $"gradient {i}: {gradients[i]:F5}, by differences {(LossAt(i, 0.01f) - LossAt(i, -0.01f)) / 0.02f:F5}"
    );

using var adam = new Adam(plan, learningRate: 0.03f);
for (int step = 0; step < steps; step++)
{
    plan.Forward(x, 20, 3);
    plan.Backward(loss.Compute(y));
    adam.Step();
}
float[] learned = plan.Parameter("rate").ToArray();
Console.WriteLine($"rates {learned[0]:F3} and {learned[1]:F3}, loss {loss.ReadValue():F6}");
return 0;

float LossAt(int parameter, float difference)
{
    float[] moved = [.. values];
    moved[parameter] += difference;
    plan.Parameters.Write(moved);
    plan.Forward(x, 20, 3);
    loss.Compute(y);
    plan.Parameters.Write(values);
    return loss.ReadValue();
}

static float[] Sum(float[] x, float[] rates)
{
    float[] y = new float[x.Length];
    for (int i = 0; i < x.Length; i++)
    {
        float before = i < 6 ? 0 : y[i - 6]; // 3 sequences of 2 channels lie between a step and the next
        y[i] = rates[i % 2] * before + x[i];
    }
    return y;
}

/// <summary>y_t = a y_(t-1) + x_t, with a rate a for each channel.</summary>
internal sealed class LeakySum : Layer
{
    private readonly Parameter _rate;

    public LeakySum(int size)
    {
        InputSize = size;
        _rate = new Parameter("rate", new Shape(size), Parameter.Constant(0.7f));
        Parameters = [_rate];
    }

    public override int InputSize { get; }

    public override int OutputSize => InputSize;

    public override IReadOnlyList<Parameter> Parameters { get; }

    protected override LayerPlan CreatePlan(PlanBuilder builder, Shape input, out Shape output)
    {
        if (builder.VariableLengths)
            throw new NotSupportedException("A leaky sum knows no packed rows.");
        output = input;
        return new Passes(this, builder, input);
    }

    // What a plan needs is asked for here, once; the passes allocate nothing.
    private sealed class Passes(LeakySum layer, PlanBuilder builder, Shape shape) : LayerPlan
    {
        private readonly TensorOperations _operations = builder.Operations;
        private readonly GradientFlow _flow = builder.Gradients;
        private readonly Slot _output = builder.Output(shape);
        private readonly Slot? _carried = builder.Streaming
            ? builder.State(new Shape(1, shape[1], shape.Columns))
            : null;
        private readonly Tensor _rate = builder.Value(layer._rate);
        private readonly Tensor _rateGradient = builder.Gradient(layer._rate);
        private Tensor _y;

        public override Tensor Forward(Tensor x)
        {
            (int steps, int batch) = (x.Shape.First, x.Shape[1]);
            _y = _output.For(steps, batch); // stays as it is until Backward has run
            _operations.Copy(x, _y);
            if (_carried is not null)
                _operations.MultiplyAdd(_carried.For(1, batch), _rate, _y.Slice(0, 1));
            for (int t = 1; t < steps; t++)
                _operations.MultiplyAdd(_y.Slice(t - 1, 1), _rate, _y.Slice(t, 1));
            if (_carried is not null)
                _operations.Copy(_y.Slice(steps - 1, 1), _carried.For(1, batch));
            return _y;
        }

        // The gradient by y_t gets a times that by y_(t+1), from the last step to the first; it is that by x_t as well.
        public override Tensor Backward(Tensor dy)
        {
            int steps = _y.Shape.First;
            Tensor sums = _flow.Whole(dy, steps); // below a Last it is that of the last step alone
            for (int t = steps - 2; t >= 0; t--)
                _operations.MultiplyAdd(sums.Slice(t + 1, 1), _rate, sums.Slice(t, 1));
            if (steps > 1) // adds to the gradient
                _operations.ColumnSum(sums.Slice(1, steps - 1), _rateGradient, _y.Slice(0, steps - 1));
            return sums;
        }
    }
}
