namespace Sequor.Layers;

// What layers make of their parameters alone: when it is made, and where it lies.
public sealed partial class PlanBuilder
{
    private WeightNormPreparation? _weightNorms;
    private DiagonalPreparation? _unitDiagonals;
    private DiagonalPreparation? _diagonals;

    /// <summary>All that layers have asked to be prepared.</summary>
    internal Preparations Preparations { get; } = new();

    /// <summary>The preparation that a layer's weight norms join, which it asks for once.</summary>
    internal WeightNormPreparation WeightNorms() =>
        _stage.PreparesTogether
            ? _weightNorms ??= Preparations.Add(new WeightNormPreparation(_stage, true))
            : Preparations.Add(new WeightNormPreparation(_stage, false));

    /// <summary>The preparation that a layer's matrices around a scan join, which it asks for once.</summary>
    /// <param name="form">The form; that of the LRU has an operation of its own.</param>
    internal DiagonalPreparation Diagonals(DiagonalForm form)
    {
        if (!_stage.PreparesTogether)
            return Preparations.Add(new DiagonalPreparation(_stage, false));
        return form == DiagonalForm.LogPolar
            ? _unitDiagonals ??= Preparations.Add(new DiagonalPreparation(_stage, true))
            : _diagonals ??= Preparations.Add(new DiagonalPreparation(_stage, true));
    }

    /// <summary>
    /// Tells when what depends on parameters alone must be prepared, where calls share it: in a stream. Null where each call prepares it.
    /// </summary>
    internal StreamPosition? Prepares => Streaming ? Position : null;

    /// <summary>
    /// Memory for what depends on parameters alone: in a stream it serves all calls (<see cref="Prepares"/>), else as
    /// <see cref="Keep(Shape)"/>.
    /// </summary>
    internal Slot KeepPrepared(Shape shape) =>
        Streaming ? Kept(shape, MemoryCategory.Workspace) : Keep(shape);

    /// <summary>
    /// Memory for what a <see cref="Preparation"/> makes. Where that runs for all layers before any of them, no two of them share it.
    /// </summary>
    internal Slot Prepared(Shape shape) =>
        _stage.PreparesTogether && !Training
            ? Kept(shape, MemoryCategory.Workspace)
            : KeepPrepared(shape);

    /// <summary>
    /// Memory for the gradient of what a <see cref="Preparation"/> makes, which the layer's backward pass writes. Where that is read after
    /// the backward passes of all layers, gradients of all of them are there at once.
    /// </summary>
    /// <param name="shape">Its shape.</param>
    /// <param name="inPlaceOf">
    /// What it is the gradient of, where the backward pass may write the gradient over it: no memory is taken for all layers then.
    /// </param>
    internal Slot PreparedGradient(Shape shape, Slot? inPlaceOf = null) =>
        !_stage.PreparesTogether
            ? Scratch(shape)
            : inPlaceOf ?? Kept(shape, MemoryCategory.Workspace);
}
