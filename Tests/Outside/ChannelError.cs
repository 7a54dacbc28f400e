using Sequor.Layers;

namespace Sequor.Outside;

/// <summary>A loss: squared errors with a weight for each channel, summed over channels and averaged over rows.</summary>
public sealed class ChannelError : Loss
{
    private readonly List<Storage> _memory = [];
    private readonly Tensor _difference;
    private readonly Tensor _weights;
    private readonly Tensor _minus;
    private readonly Tensor _sums;
    private readonly Tensor _factor;
    private readonly Tensor _slope;
    private readonly Tensor _total;
    private readonly int _channels;

    public ChannelError(Plan plan, ReadOnlySpan<float> weights)
        : base(Checked(plan, weights))
    {
        _channels = weights.Length;
        var row = new Shape(_channels);
        _difference = Take(plan.MaxOutput);
        _weights = Take(row);
        _minus = Take(row);
        _sums = Take(new Shape(1, _channels));
        _factor = Take(row);
        _slope = Take(row);
        _total = Take(new Shape(1));
        _weights.Write(weights);
        Operations.Fill(_minus, -1f);
    }

    // Before anything is taken.
    private static Plan Checked(Plan plan, ReadOnlySpan<float> weights) =>
        weights.Length == plan.MaxOutput.Columns
            ? plan
            : throw new ArgumentException(
                $"There must be a weight for each of {plan.MaxOutput.Columns} channels, not {weights.Length}.",
                nameof(weights)
            );

    private Tensor Take(Shape shape)
    {
        Storage storage = Plan.Backend.Allocate(shape.Count, MemoryCategory.Workspace);
        _memory.Add(storage);
        return storage.View(shape);
    }

    protected override Shape TargetShape(Shape output) => output;

    protected override void Judge(Tensor output, Tensor targets, Tensor weights)
    {
        if (!weights.IsEmpty)
            throw new NotSupportedException("ChannelError knows no weights of rows.");
        Tensor difference = _difference.View(output.Shape);
        Operations.Copy(output, difference);
        Operations.MultiplyAdd(targets, _minus, difference);
        Operations.Fill(_sums, 0f);
        Operations.ColumnSum(difference, _sums, difference);
        Operations.MatMul(_sums, _weights.View(new Shape(_channels, 1)), _total);
        Operations.Fill(_factor, 1f / output.Shape.Rows);
        Operations.Fill(Value, 0f);
        Operations.MultiplyAdd(_total, _factor.View(new Shape(1)), Value);
        if (Gradient.IsEmpty)
            return;
        Operations.Fill(_factor, 2f / output.Shape.Rows);
        Operations.Fill(_slope, 0f);
        Operations.MultiplyAdd(_weights, _factor, _slope);
        Operations.Fill(Gradient, 0f);
        Operations.MultiplyAdd(difference, _slope, Gradient);
    }

    protected override void Dispose(bool disposing)
    {
        foreach (Storage storage in _memory)
            storage.Dispose();
        base.Dispose(disposing);
    }
}
