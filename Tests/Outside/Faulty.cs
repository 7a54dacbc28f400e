using Sequor.Layers;

namespace Sequor.Outside;

/// <summary>What a <see cref="Faulty"/> layer does wrong.</summary>
public enum Fault
{
    None,
    ThrowsPlanning,
    HasNoPlan,
    SaysWrongShape,
    GivesWrongShape,
    GivesNothing,
    GivesScratch,
    MultipliesWrongShapes,
    HasTwoOutputs,
    AsksForAForeignParameter,
    AsksForTheGradientOfABuffer,
    AllocatesForward,
    AllocatesBackward,
    TakesAnAddress,
    ForgetsItsGradient,
    GivesNoInputGradient,
    GivesWrongInputGradient,
    GivesScratchBackward,
    ThrowsForward,
    ThrowsBackward,
}

/// <summary>y = w x, w a factor a channel, with a mistake.</summary>
public sealed class Faulty : Layer
{
    private readonly Parameter _w;
    private readonly Parameter _buffer = new("kept", new Shape(1), Parameter.Constant(0f));
    private readonly Parameter _foreign = new("foreign", new Shape(1), Parameter.Constant(1f));
    private readonly Fault _fault;

    public Faulty(int size, Fault fault)
    {
        InputSize = size;
        _fault = fault;
        _w = new Parameter("w", new Shape(size), Parameter.Constant(2f));
        Parameters = [_w];
        Buffers = [_buffer];
    }

    /// <summary>What it does wrong only once it is planned.</summary>
    public Fault Later { get; set; }

    public override int InputSize { get; }

    public override int OutputSize => InputSize;

    public override IReadOnlyList<Parameter> Parameters { get; }

    public override IReadOnlyList<Parameter> Buffers { get; }

    protected override LayerPlan CreatePlan(PlanBuilder builder, Shape input, out Shape output)
    {
        output = _fault == Fault.SaysWrongShape ? new Shape(2, 2, 2) : input;
        if (_fault == Fault.ThrowsPlanning)
            throw new InvalidOperationException("no plan today");
        if (_fault == Fault.AsksForAForeignParameter)
            builder.Value(_foreign);
        if (_fault == Fault.HasTwoOutputs)
            builder.Output(input);
        if (_fault == Fault.AsksForTheGradientOfABuffer)
            builder.Gradient(_buffer);
        return _fault == Fault.HasNoPlan ? null! : new Passes(this, builder, input);
    }

    private sealed class Passes(Faulty layer, PlanBuilder builder, Shape shape) : LayerPlan
    {
        private readonly Backend _backend = builder.Backend;
        private readonly TensorOperations _operations = builder.Operations;
        private readonly GradientFlow _flow = builder.Gradients;
        private readonly Slot _output = builder.Output(shape);
        private readonly Slot _scratch = builder.Scratch(shape);
        private readonly Tensor _w = builder.Value(layer._w);
        private readonly Tensor _wGradient = builder.Gradient(layer._w);
        private Tensor _x;

        private bool Is(Fault fault) => layer._fault == fault || layer.Later == fault;

        public override Tensor Forward(Tensor x)
        {
            _x = x;
            Tensor y = _output.For(x.Shape.First, x.Shape[1]);
            _operations.Fill(y, 0f);
            _operations.MultiplyAdd(x, _w, y);
            if (Is(Fault.ThrowsForward))
                throw new InvalidOperationException("no forward today");
            if (Is(Fault.AllocatesForward))
                _backend.Allocate(1, MemoryCategory.Workspace).Dispose();
            if (Is(Fault.TakesAnAddress))
                _ = x.Address;
            if (Is(Fault.MultipliesWrongShapes))
                _operations.MatMul(x, _w, y);
            return Is(Fault.GivesNothing) ? default
                : Is(Fault.GivesWrongShape) ? y.Slice(0, x.Shape.First / 2)
                : Is(Fault.GivesScratch) ? _scratch.For(x.Shape.First, x.Shape[1])
                : y;
        }

        public override Tensor Backward(Tensor dy)
        {
            dy = _flow.Whole(dy, _x.Shape.First);
            if (!Is(Fault.ForgetsItsGradient))
                _operations.ColumnSum(dy, _wGradient, _x);
            if (Is(Fault.ThrowsBackward))
                throw new InvalidOperationException("no backward today");
            if (Is(Fault.AllocatesBackward))
                _backend.Allocate(1, MemoryCategory.Workspace).Dispose();
            Tensor dx = _flow.Other(dy, _x.Shape);
            _operations.Fill(dx, 0f);
            _operations.MultiplyAdd(dy, _w, dx);
            return Is(Fault.GivesNoInputGradient) ? default
                : Is(Fault.GivesWrongInputGradient) ? dx.View(new Shape(1, 1, 1))
                : Is(Fault.GivesScratchBackward) ? _scratch.For(_x.Shape.First, _x.Shape[1])
                : dx;
        }
    }
}
