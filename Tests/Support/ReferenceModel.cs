using System.Numerics;
using Sequor.Layers;
using Ref = Sequor.Reference;

namespace Sequor.Tests.Support;

/// <summary>Computes any model with the double-precision reference, as in training.</summary>
/// <param name="model">The model to compute; only its structure is read.</param>
/// <param name="parameters">The values, by the parameters' full names.</param>
/// <param name="mask">Gives the dropout mask for a stream's number, a probability and a count. Without it nothing is dropped.</param>
internal sealed class ReferenceModel(
    Layer model,
    IReadOnlyDictionary<string, double[]> parameters,
    Func<int, float, int, double[]>? mask = null
)
{
    private int _batch;
    private int _streams;

    /// <summary>The state that each layer with one ended in, by its path; an LRU's is (re, im) pairs.</summary>
    public Dictionary<string, double[][]> Ended { get; } = [];

    /// <summary>The states that layers begin from, by their paths; those of others are zero.</summary>
    public IReadOnlyDictionary<string, double[][]> Begun { get; init; } =
        new Dictionary<string, double[][]>();

    /// <summary>[T, B]: 1 where diagonal recurrences begin anew; null for nowhere.</summary>
    public byte[]? Resets { get; init; }

    /// <summary>Computes the output for x [T, B, C].</summary>
    public double[] Forward(double[] x, int time, int batch)
    {
        _batch = batch;
        _streams = 0;
        return Run(model, "", x, ref time);
    }

    private double[] Run(Layer layer, string path, double[] x, ref int time)
    {
        double[] P(string name) => parameters[path + name];
        int rows = time * _batch;
        switch (layer)
        {
            case Sequential sequence:
                foreach ((string name, Layer child) in sequence.Children)
                    x = Run(child, $"{path}{name}.", x, ref time);
                return x;
            case Residual residual:
                return Sum(x, Run(residual.Body, $"{path}body.", x, ref time));
            case FeedThrough direct:
            {
                double[] y = Run(direct.Body, $"{path}body.", x, ref time);
                double[] d = P("D");
                return Sum(y, [.. x.Select((value, i) => value * d[i % d.Length])]);
            }
            case Branches branches:
            {
                int steps = time;
                double[]? sum = null;
                foreach ((string name, Layer child) in branches.Children)
                {
                    time = steps;
                    double[] y = Run(child, $"{path}{name}.", x, ref time);
                    sum =
                        sum is null ? y
                        : branches.Join == BranchJoin.Add ? Sum(sum, y)
                        : Beside(sum, y, time * _batch);
                }
                return sum!;
            }
            case Recurrent recurrent:
            {
                double[][]? begun = Begun.GetValueOrDefault(path);
                Ref.RecurrentResult result = Ref.Recurrent.Forward(
                    Enum.Parse<Ref.RecurrentKind>(recurrent.Kind.ToString()),
                    [
                        .. Enumerable
                            .Range(0, recurrent.Options.Layers)
                            .Select(k => new Ref.RecurrentLayer(
                                k == 0 ? recurrent.InputSize : recurrent.HiddenSize,
                                recurrent.HiddenSize,
                                P($"weight_ih_l{k}"),
                                P($"weight_hh_l{k}"),
                                P($"bias_ih_l{k}"),
                                P($"bias_hh_l{k}")
                            )),
                    ],
                    x,
                    time,
                    _batch,
                    begun?[0],
                    recurrent.Kind == RecurrentKind.Lstm ? begun?[1] : null
                );
                Ended[path] = [result.FinalHidden, result.FinalCell];
                return result.Y;
            }
            case TcnBlock block:
            {
                bool skips = block.InputSize != block.OutputSize;
                double[]? first = Mask(block.DropoutProbability, _batch * block.OutputSize);
                double[]? second = Mask(block.DropoutProbability, _batch * block.OutputSize);
                return Ref.Tcn.Block(
                    new Ref.TcnLevel(
                        block.InputSize,
                        block.OutputSize,
                        block.Kernel,
                        P("conv1.weight_v"),
                        P("conv1.weight_g"),
                        P("conv1.bias"),
                        P("conv2.weight_v"),
                        P("conv2.weight_g"),
                        P("conv2.bias"),
                        skips ? P("downsample.weight") : null,
                        skips ? P("downsample.bias") : null
                    ),
                    x,
                    time,
                    _batch,
                    block.Dilation,
                    first,
                    second,
                    block.Activation == TcnActivation.Gated
                );
            }
            case DiagonalBlock block:
            {
                (NormKind norm, bool prenorm, float dropout, bool shared, BlockMixing mixing) =
                    block switch
                    {
                        LruBlock { Options: var o } => (
                            o.Norm,
                            o.Prenorm,
                            o.Dropout,
                            o.SharedDropout,
                            BlockMixing.Glu
                        ),
                        S5Block { Options: var o } => (
                            o.Norm,
                            o.Prenorm,
                            o.Dropout,
                            o.SharedDropout,
                            o.Mixing
                        ),
                        _ => throw new NotSupportedException($"The reference has no {block}."),
                    };
                (double[]? first, double[]? second) = BlockMasks(
                    dropout,
                    shared,
                    block.InputSize,
                    time
                );
                int steps = time;
                Ref.DiagonalRecurrence recurrence = ReferenceRecurrence.Of(block, P);
                Complex[]? state =
                    recurrence.Directions == 2 ? null : StateOf(path, _batch * block.StateSize);
                double[] result = Ref.SequenceBlock.Forward(
                    x,
                    rows,
                    values => Norm(norm, P, values, rows),
                    !prenorm,
                    z => recurrence.Forward(z, steps, _batch, state, Resets),
                    Enum.Parse<Ref.Mixing>(mixing.ToString()),
                    parameters.GetValueOrDefault($"{path}out.weight"),
                    parameters.GetValueOrDefault($"{path}out.bias"),
                    first,
                    second
                );
                if (state is not null)
                    Ended[path] =
                    [
                        [.. state.SelectMany(z => new[] { z.Real, z.Imaginary })],
                    ];
                return result;
            }
            case SequenceBlock block:
            {
                int steps = time;
                (double[]? first, double[]? second) = BlockMasks(
                    block.Options.Dropout,
                    block.Options.SharedDropout,
                    block.InputSize,
                    time
                );
                return Ref.SequenceBlock.Forward(
                    x,
                    rows,
                    values => Norm(block.Options.Norm, P, values, rows),
                    !block.Options.Prenorm,
                    z => Run(block.Core, $"{path}core.", z, ref steps),
                    Enum.Parse<Ref.Mixing>(block.Options.Mixing.ToString()),
                    parameters.GetValueOrDefault($"{path}out.weight"),
                    parameters.GetValueOrDefault($"{path}out.bias"),
                    first,
                    second
                );
            }
            case S4D s4d:
                return Ref.StateSpace.Forward(StateSpaces.Of(s4d, P), x, time, _batch);
            case Dss dss:
                return Ref.StateSpace.Forward(
                    StateSpaces.Of(dss, P),
                    x,
                    time,
                    _batch,
                    dss.Options.Length ?? 0
                );
            case Linear linear:
                return Ref.Linear.Forward(
                    x,
                    P("weight"),
                    parameters.GetValueOrDefault($"{path}bias"),
                    rows,
                    linear.InputSize,
                    linear.OutputSize
                );
            case TiedLinear tied:
                return Ref.Linear.Forward(
                    x,
                    parameters[$"{PathOf(tied.Embedding, model, "")}weight"],
                    parameters.GetValueOrDefault($"{path}bias"),
                    rows,
                    tied.InputSize,
                    tied.OutputSize
                );
            case Embedding embedding:
                return Ref.Embedding.Forward(
                    x,
                    P("weight"),
                    rows,
                    embedding.Count,
                    embedding.OutputSize
                );
            case LayerNorm norm:
                return Ref.LayerNorm.Forward(x, P("weight"), P("bias"), rows, norm.InputSize);
            case BatchNorm norm:
                return Ref.BatchNorm.Forward(x, P("weight"), P("bias"), rows, norm.InputSize);
            case Dropout dropout:
                // The layer takes a stream number even where it drops nothing.
                _streams += dropout.Probability == 0 ? 1 : 0;
                return Ref.Dropout.Forward(x, Mask(dropout.Probability, x.Length));
            case Last last:
                x = Ref.Pooling.Last(x, time, _batch, last.InputSize);
                time = 1;
                return x;
            case BothEnds ends:
                x = Ref.Pooling.BothEnds(x, time, _batch, ends.InputSize);
                time = 1;
                return x;
            case Mean mean:
                x = Ref.Pooling.Mean(x, time, _batch, mean.InputSize);
                time = 1;
                return x;
            default:
                throw new NotSupportedException($"The reference has no {layer.GetType().Name}.");
        }
    }

    private static double[] Norm(NormKind kind, Func<string, double[]> p, double[] values, int rows)
    {
        (double[] weight, double[] bias) = (p("norm.weight"), p("norm.bias"));
        return kind == NormKind.Batch
            ? Ref.BatchNorm.Forward(values, weight, bias, rows, values.Length / rows)
            : Ref.LayerNorm.Forward(values, weight, bias, rows, values.Length / rows);
    }

    private Complex[] StateOf(string path, int count)
    {
        double[]? begun = Begun.GetValueOrDefault(path)?[0];
        return
        [
            .. Enumerable
                .Range(0, count)
                .Select(i => begun is null ? 0 : new Complex(begun[2 * i], begun[2 * i + 1])),
        ];
    }

    private static string? PathOf(Layer wanted, Layer layer, string path) =>
        ReferenceEquals(wanted, layer)
            ? path
            : layer
                .Children.Select(child => PathOf(wanted, child.Layer, $"{path}{child.Name}."))
                .FirstOrDefault(found => found is not null);

    private static double[] Sum(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    private static double[] Beside(double[] a, double[] b, int rows) =>
        [
            .. a.Chunk(a.Length / rows)
                .Zip(b.Chunk(b.Length / rows), (x, y) => x.Concat(y))
                .SelectMany(row => row),
        ];

    // The two masks [T, B, d] of a block. If the steps share a mask, it is repeated for each step.
    private (double[]? First, double[]? Second) BlockMasks(
        float probability,
        bool shared,
        int size,
        int time
    )
    {
        return (One(), One());

        double[]? One() =>
            shared && Mask(probability, _batch * size) is { } step
                ? [.. Enumerable.Repeat(step, time).SelectMany(values => values)]
                : Mask(shared ? 0 : probability, time * _batch * size);
    }

    private double[]? Mask(float probability, int count) =>
        probability == 0 ? null : mask?.Invoke(_streams++, probability, count);
}
