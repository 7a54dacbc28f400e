using Sequor.Interop;

namespace Sequor.Layers;

/// <summary>
/// A layer's plan together with the layer's name, as its container or the plan runs it. The shapes and places of outputs and gradients are
/// checked while a plan is rehearsed, and at every pass of a layer that is not Sequor's own. An error names the layer that failed and the
/// pass.
/// </summary>
internal sealed class PlannedLayer : IDisposable
{
    private readonly LayerPlan _plan;
    private readonly Layer _layer;
    private readonly PlanBuilder? _rehearsal;
    private readonly SequenceLayout? _layout;
    private readonly string _name;
    private readonly bool _pools;
    private readonly bool _inputGradient;
    private readonly Backend _backend;
    private readonly bool _isForeign;
    private readonly bool _checks;
    private Shape _input;
    private Tensor _output;

    private PlannedLayer(
        LayerPlan plan,
        Layer layer,
        PlanBuilder builder,
        SequenceLayout? layout,
        bool pools,
        bool inputGradient
    )
    {
        _plan = plan;
        _layer = layer;
        Kind = layer.GetType().Name;
        _rehearsal = builder.IsRehearsal ? builder : null;
        _layout = layout;
        _name = builder.Path;
        _pools = pools;
        _inputGradient = inputGradient;
        _backend = builder.Backend;
        _isForeign = plan.GetType().Assembly != typeof(LayerPlan).Assembly;
        _checks = builder.IsRehearsal || _isForeign;
    }

    /// <summary>Plans a layer. Its scratch memory may be shared with that of its neighbours.</summary>
    /// <param name="builder">The builder that the layer takes its memory from.</param>
    /// <param name="name">Its name in its container; "" for a model.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="input">The shape of its largest input.</param>
    /// <param name="output">The shape of its largest output.</param>
    /// <exception cref="LayerException">
    /// The layer is not Sequor's own and failed, or any layer declares an output that it cannot have.
    /// </exception>
    public static PlannedLayer Of(
        PlanBuilder builder,
        string name,
        Layer layer,
        Shape input,
        out Shape output
    )
    {
        using PlanBuilder.LayerScope within = builder.Enter(name);
        SequenceLayout? layout = builder.Layout;
        bool inputGradient = builder.Training && builder.InputGradient;
        LayerPlan? plan = null;
        try
        {
            plan = layer.CreatePlan(builder, input, out output);
            bool pools =
                output.Rank == 3
                && output.First == 1
                && (input.First > 1 || builder.Layout != layout);
            if (plan is null)
                throw new InvalidOperationException("It has no plan: CreatePlan gave null.");
            var wanted = new Shape(pools ? 1 : input.First, input[1], layer.OutputSize);
            if (output != wanted)
                throw new InvalidOperationException(
                    $"It says that its output is {output}; of {layer.OutputSize} channels it must be {wanted}, or with 1 step where it pools over time."
                );
            return new PlannedLayer(plan, layer, builder, layout, pools, inputGradient);
        }
        // Sizes that are too large to be addressed are reported by the plan, not as an error of the layer.
        catch (Exception e)
            when (IsForeign(layer)
                && IsOfLayer(e)
                && e is not (OverflowException or OutOfMemoryException)
            )
        {
            plan?.Dispose();
            throw new LayerException(layer, builder.Path, LayerPass.Planning, input, e);
        }
    }

    /// <summary>Its full name, as in the names of its parameters; "" for the model.</summary>
    public string Name => _name;

    /// <summary>The layer's type, such as Gru.</summary>
    public string Kind { get; }

    /// <inheritdoc cref="LayerPlan.NeedsOutput"/>
    public bool NeedsOutput => _plan.NeedsOutput;

    /// <summary>What the last forward pass returned.</summary>
    public Tensor Output => _output;

    /// <inheritdoc cref="LayerPlan.Outputs"/>
    public IEnumerable<(string Name, Tensor Output)> Outputs => _plan.Outputs;

    /// <summary>The same under its name in its container, then its own output.</summary>
    public IEnumerable<(string Name, Tensor Output)> NamedOutputs
    {
        get
        {
            string within = _name[(_name.LastIndexOf('.') + 1)..];
            foreach ((string name, Tensor output) in Outputs)
                yield return ($"{within}.{name}", output);
            if (!_output.IsEmpty)
                yield return (within, _output);
        }
    }

    public Tensor Forward(Tensor x)
    {
        using Backend.LayerPassScope pass = Tell(ProfilePass.Forward);
        if (!_checks)
            return _output = _plan.Forward(x);
        try
        {
            _backend.IsInPass = _isForeign;
            Tensor y = _plan.Forward(x);
            RequireOutput(x, y);
            _input = x.Shape;
            return _output = y;
        }
        catch (Exception e) when (Explains(e))
        {
            throw new LayerException(_layer, _name, LayerPass.Forward, x.Shape, e);
        }
        finally
        {
            _backend.IsInPass = false;
        }
    }

    public Tensor Backward(Tensor dy)
    {
        using Backend.LayerPassScope pass = Tell(ProfilePass.Backward);
        if (!_checks)
            return _plan.Backward(dy);
        try
        {
            _backend.IsInPass = _isForeign;
            Tensor dx = _plan.Backward(dy);
            RequireInputGradient(dy, dx);
            return dx;
        }
        catch (Exception e) when (Explains(e))
        {
            throw new LayerException(_layer, _name, LayerPass.Backward, _input, e);
        }
        finally
        {
            _backend.IsInPass = false;
        }
    }

    // A rehearsal is no pass.
    private Backend.LayerPassScope Tell(ProfilePass pass) =>
        _rehearsal is null ? _backend.BeginLayer(this, pass) : default;

    private void RequireOutput(Tensor x, Tensor y)
    {
        bool packed = _layout is { IsPacked: true };
        var wanted = new Shape(
            _pools ? 1 : x.Shape.First,
            _pools && packed ? _layout!.Batch : x.Shape[1],
            _layer.OutputSize
        );
        if (y.IsEmpty || y.Shape != wanted)
            throw Wrong(
                LayerPass.Forward,
                x.Shape,
                $"It gives {(y.IsEmpty ? "nothing" : y.Shape)} where its output must be {wanted}."
            );
        if (y.Storage != x.Storage && _rehearsal?.MayBeOutput(y) == false)
            throw Wrong(
                LayerPass.Forward,
                x.Shape,
                "Its output is in no slot that lasts: it must be in one of PlanBuilder.Output, or be its input."
            );
    }

    private void RequireInputGradient(Tensor dy, Tensor dx)
    {
        if (!_inputGradient)
            return;
        if (dx.IsEmpty)
            throw Wrong(
                LayerPass.Backward,
                _input,
                $"It gives no gradient by its input {_input}, which the layer before it needs."
            );
        bool fits =
            dx.Shape.Rank == 3
            && dx.Shape.First <= _input.First
            && dx.Shape[1] == _input[1]
            && dx.Shape.Columns == _input.Columns;
        if (!fits)
            throw Wrong(
                LayerPass.Backward,
                _input,
                $"It gives a gradient {dx.Shape} by its input {_input}: that must have its shape, or be that of its last steps."
            );
        if (dx.Storage != dy.Storage && _rehearsal?.MayBeOutput(dx) == false)
            throw Wrong(
                LayerPass.Backward,
                _input,
                "Its gradient by the input is in no place that lasts: it must be in one of PlanBuilder.Gradients, or be the gradient by the output."
            );
    }

    // Used for wrong outputs and gradients, which name the layer even if it is Sequor's own.
    private LayerException Wrong(LayerPass pass, Shape input, string what) =>
        new(_layer, _name, pass, input, new InvalidOperationException(what));

    // Exceptions of Sequor's own layers say by themselves what is wrong. They are passed on, since callers rely on their types.
    private static bool IsForeign(Layer layer) =>
        layer is not Sequential && layer.GetType().Assembly != typeof(Layer).Assembly;

    private bool Explains(Exception e) => _isForeign && IsOfLayer(e);

    // Exceptions of the device, of a recording or of an inner layer are passed on to the caller as they are.
    private static bool IsOfLayer(Exception e) =>
        e
            is not (
                LayerException
                or NotRecordableException
                or DeviceMemoryException
                or ObjectDisposedException
                or NotSupportedException
                or CudaException
                or CudnnException
                or CublasException
            );

    public void Dispose() => _plan.Dispose();
}
