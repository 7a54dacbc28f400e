namespace Sequor.Layers;

/// <summary>What a plan of systems with one input and one output each is made from.</summary>
internal sealed record StateSpaceParts
{
    /// <summary>H, the channels.</summary>
    public required int Channels { get; init; }

    /// <summary>N, the complex states of a channel.</summary>
    public required int StateSize { get; init; }

    /// <summary>The rule, and its factor; a length of 0 stands for the steps of each batch.</summary>
    public required StateSpaceForm Form { get; init; }

    /// <summary>1, or 2 where the recurrence also runs from the end.</summary>
    public required int Directions { get; init; }

    public required Parameter LogStep { get; init; }
    public required Parameter Real { get; init; }
    public required Parameter Imaginary { get; init; }
    public required Parameter C { get; init; }
    public required Parameter D { get; init; }
}

/// <summary>
/// Makes a and C' of the parameters, scans in each direction, and goes back. What a backward pass keeps is the input and, of no sequence's
/// size, a and C'.
/// </summary>
internal sealed class StateSpacePlan : LayerPlan
{
    private readonly StateSpaceParts _parts;
    private readonly Backend _backend;
    private readonly GradientFlow _flow;
    private readonly SequenceLayout? _layout;
    private readonly StreamPosition? _position;
    private readonly StateSpaceScanOperation _scan;
    private readonly StateSpaceTensors _values;
    private readonly StateSpaceTensors _gradients;
    private readonly Tensor _d;
    private readonly Tensor _dGradient;
    private readonly bool _inputGradient;
    private readonly Slot _output;
    private readonly Slot _a;
    private readonly Slot _c;
    private readonly Slot? _carried;
    private readonly Slot _workspace;
    private readonly Slot? _aGradient;
    private readonly Slot? _cGradient;
    private readonly Slot? _realRows;
    private readonly Slot? _imaginaryRows;
    private StateSpaceForm _form;
    private Tensor _x;

    public StateSpacePlan(StateSpaceParts parts, PlanBuilder builder, Shape input)
    {
        if (builder.Carries && !builder.Streaming)
        {
            throw new NotSupportedException(
                "A state space of single inputs carries nothing from window to window but in a stream: give each window the steps before it as context, whose outputs do not count."
            );
        }
        builder.RefuseResets(
            "A state space of single inputs (S4D, DSS)",
            "its states lie in registers, from which no step begins anew"
        );
        _parts = parts;
        _backend = builder.Stage;
        _flow = builder.Gradients;
        _layout = builder.Layout;
        _inputGradient = builder.InputGradient;
        (int channels, int states) = (parts.Channels, parts.StateSize);
        _scan = builder.Own(
            _backend.PlanStateSpaceScan(
                new StateSpaceScanDescriptor(channels, states, input.First, input[1])
                {
                    Training = builder.Training,
                    Streaming = builder.Streaming,
                }
            )
        );
        _values = Gather(builder.Value);
        _gradients = Gather(builder.Gradient);
        _d = builder.Value(parts.D);
        _dGradient = builder.Gradient(parts.D);
        _output = builder.Output(input);
        var a = new Shape(channels, 2 * states);
        var c = new Shape(checked(parts.Directions * channels), 2 * states);
        _workspace = builder.Workspace(_scan.WorkspaceCount);
        _position = builder.Prepares;
        _a = builder.KeepPrepared(a);
        _c = builder.KeepPrepared(c);
        if (builder.Streaming)
        {
            _carried = builder.State(_scan.CarriedShape);
            return;
        }
        if (!builder.Training)
            return;
        _aGradient = builder.Scratch(a);
        _cGradient = builder.Scratch(c);
        if (parts.Real.Shape.Rank == 2)
            return;
        _realRows = builder.Scratch(new Shape(channels, states));
        _imaginaryRows = builder.Scratch(new Shape(channels, states));

        StateSpaceTensors Gather(Func<Parameter, Tensor> of) =>
            new(of(parts.LogStep), of(parts.Real), of(parts.Imaginary), of(parts.C));
    }

    public override Tensor Forward(Tensor x)
    {
        _x = x;
        bool packed = _layout is { IsPacked: true };
        Tensor y = _output.For(x.Shape.First, x.Shape[1]);
        StateSpaceForm form = _parts.Form;
        if (form.Length == 0)
            form = form with { Length = packed ? _layout!.Steps : x.Shape.First };
        _form = form;
        if (!IsPrepared)
            _backend.StateSpaceParametrization(
                form,
                _values,
                new StateSpaceMatrices(_a.All, _c.All)
            );
        for (int direction = 0; direction < _parts.Directions; direction++)
            _scan.Forward(Operands(direction) with { Y = y, Carried = _carried?.All ?? default });
        return y;
    }

    public override Tensor Backward(Tensor dy)
    {
        dy = _flow.Whole(dy, _x.Shape.First);
        // Another direction reads dy again.
        Tensor dx =
            !_inputGradient ? default
            : _parts.Directions == 1 && _scan.CanOverwrite ? dy
            : _flow.Other(dy, _x.Shape);
        for (int direction = 0; direction < _parts.Directions; direction++)
            _scan.Backward(
                Operands(direction),
                new StateSpaceScanGradients
                {
                    Y = dy,
                    U = dx,
                    A = _aGradient!.All,
                    C = Direction(_cGradient!, direction),
                    D = direction == 0 ? _dGradient : default,
                }
            );
        StateSpaceTensors gradients = _gradients;
        if (_realRows is not null)
        {
            _backend.Fill(_realRows.All, 0f);
            _backend.Fill(_imaginaryRows!.All, 0f);
            gradients = gradients with { Real = _realRows.All, Imaginary = _imaginaryRows.All };
        }
        _backend.StateSpaceParametrizationGradient(
            _form,
            _values,
            new StateSpaceMatrices(_aGradient!.All, _cGradient!.All),
            gradients
        );
        if (_realRows is not null)
        {
            _backend.ColumnSum(_realRows.All, default, _gradients.Real);
            _backend.ColumnSum(_imaginaryRows!.All, default, _gradients.Imaginary);
        }
        return dx;
    }

    private bool IsPrepared => _position is { NewWeights: false };

    private StateSpaceScanOperands Operands(int direction) =>
        new()
        {
            U = _x,
            A = _a.All,
            C = Direction(_c, direction),
            D = direction == 0 ? _d : default,
            Layout = _layout,
            Reverse = direction > 0,
            Adds = direction > 0,
            SameWeights = IsPrepared,
            Workspace = _workspace.All,
        };

    // C' and its gradient have the rows of one direction below those of the other.
    private Tensor Direction(Slot c, int direction) =>
        c.All.RowRange((long)direction * _parts.Channels, _parts.Channels);

    public override void Dispose()
    {
        _scan.Dispose();
        base.Dispose();
    }
}
