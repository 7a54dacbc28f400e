namespace Sequor.Layers;

/// <summary>
/// Runs the passes of a model before its plan allocates memory, on a <see cref="RehearsalBackend"/>, which computes nothing. In this way
/// the plan learns in which places gradients are put and how large they are, without any declarations by the layers; and a layer that
/// breaks a rule fails here, with an error that names it.
/// </summary>
internal sealed class Rehearsal
{
    private readonly RehearsalBackend _backend;
    private readonly PlannedLayer _root;
    private readonly PlanBuilder _builder;
    private readonly BackwardPass? _backward;
    private readonly SequenceLayout? _layout;
    private readonly bool _packsOutput;

    private Rehearsal(
        RehearsalBackend backend,
        PlannedLayer root,
        PlanBuilder builder,
        BackwardPass? backward,
        SequenceLayout? layout,
        bool packsOutput
    )
    {
        _backend = backend;
        _root = root;
        _builder = builder;
        _backward = backward;
        _layout = layout;
        _packsOutput = packsOutput;
    }

    /// <summary>Rehearses every sort of batch for which layers may run different operations.</summary>
    /// <param name="model">The model, whose parameters already have their offsets.</param>
    /// <param name="backend">The backend that the plan is for.</param>
    /// <param name="input">The largest input, [T, B, C].</param>
    /// <param name="mode">The plan's mode; only training has a backward pass.</param>
    /// <param name="inputGradient">Whether the gradient of the input is wanted.</param>
    /// <param name="seed">The seed of dropout.</param>
    /// <param name="layout">The layout of packed batches; null where there are none.</param>
    /// <param name="carries">Whether each window goes on from the states of the one before it.</param>
    /// <param name="gradientInOutput">Whether gradients of the output may lie where the output does.</param>
    /// <param name="fallbacks">Takes what products are not carried out as was asked for.</param>
    /// <param name="resets">The marks of steps that begin anew; null where there are none.</param>
    /// <returns>The most floats that lie in each of the two places of gradients.</returns>
    /// <exception cref="LayerException">A layer breaks a rule for layers.</exception>
    public static IReadOnlyList<long> Run(
        Layer model,
        Backend backend,
        Shape input,
        Mode mode,
        bool inputGradient,
        ulong seed,
        SequenceLayout? layout,
        bool carries = false,
        bool gradientInOutput = false,
        List<string>? fallbacks = null,
        StepResets? resets = null
    )
    {
        using var rehearsal = new RehearsalBackend(backend, model.Store!);
        (int length, int batch) = (input.First, input[1]);
        var builder = new PlanBuilder(rehearsal, model.Store!, length, batch, mode)
        {
            InputGradient = inputGradient,
            Layout = layout,
            CarriesWindows = carries,
            Marks = resets,
        };
        builder.UseRandom(seed);
        using PlannedLayer root = PlannedLayer.Of(builder, "", model, input, out _);
        IReadOnlyList<long> needs = builder.Rehearse(rehearsal);
        bool packsOutput = builder.Layout is not null;
        BackwardPass? backward = builder.Training
            ? new BackwardPass(
                rehearsal,
                root,
                builder.Preparations,
                builder.Gradients,
                layout,
                packsOutput,
                gradientInOutput && !root.NeedsOutput,
                inputGradient
            )
            : null;
        var passes = new Rehearsal(rehearsal, root, builder, backward, layout, packsOutput);
        layout?.SetWhole();
        rehearsal.IsLargest = true;
        passes.Whole(input);
        rehearsal.IsLargest = false;
        // With a single step a recurrent layer need not write all its gradients, so only longer inputs are checked for that.
        if (builder.Training && length > 1)
            RequireGradients(model, rehearsal);
        // Layers may run other operations for a single step or a single sequence.
        passes.Whole(new Shape(1, batch, input.Columns));
        passes.Whole(new Shape(length, 1, input.Columns));
        if (layout is not null)
            passes.Packed(input);
        fallbacks?.AddRange(rehearsal.Fallbacks.Distinct());
        return needs;
    }

    private void Whole(Shape input)
    {
        Tensor y = Forward(Pretend(input));
        _backward?.Run(Pretend(y.Shape), input, pads: false);
    }

    private Tensor Forward(Tensor x)
    {
        _builder.Preparations.BeginForward(changed: true);
        return _root.Forward(x);
    }

    // Rehearses packed rows, as many as there can be; the lengths themselves do not matter.
    private void Packed(Shape input)
    {
        int[] lengths = new int[input[1]];
        Array.Fill(lengths, input.First);
        _layout!.Set(lengths);
        try
        {
            var rows = new Shape(_layout.Rows, 1, input.Columns);
            Tensor y = Forward(Pretend(rows));
            _backward?.Run(Pretend(y.Shape), rows, pads: false);
            y = Forward(Pretend(rows));
            Shape padded = _packsOutput ? new(input.First, input[1], y.Shape.Columns) : y.Shape;
            _backward?.Run(Pretend(padded), input, pads: true);
        }
        finally
        {
            _layout.SetWhole();
        }
    }

    private Tensor Pretend(Shape shape) =>
        new(_backend.Pretend(shape.Count, MemoryCategory.InputOutput), 0, shape);

    private static void RequireGradients(Layer model, RehearsalBackend backend)
    {
        Func<Parameter, bool> written = backend.Written();
        foreach (NamedParameter named in model.Store!.Named)
        {
            if (!written(named.Parameter))
                throw new InvalidOperationException(
                    $"The backward pass does not write the gradient of parameter {named.Name} {named.Parameter.Shape}. What no gradient trains belongs to a layer's Buffers."
                );
        }
    }
}
