using Sequor.Reference;

namespace Sequor.VirtualGpu;

/// <summary>A matrix or bias of all gates in the weight space, in elements.</summary>
internal readonly record struct WeightBlock(long Offset, int Rows, int Columns)
{
    public long Count => (long)Rows * Columns;
    public bool Exists => Rows > 0;
}

/// <summary>
/// How weights lie in the weight space: the matrices of every pseudo-layer, then the biases of every one, as measured
/// on hardware; the gates of a block side by side, and between blocks gaps, which no one may count on.
/// </summary>
internal sealed class WeightLayout
{
    private readonly RnnNet _net;
    private readonly WeightBlock[] _input;
    private readonly WeightBlock[] _recurrent;
    private readonly WeightBlock[] _projection;
    private readonly WeightBlock[] _inputBias;
    private readonly WeightBlock[] _recurrentBias;
    private long _end;
    private int _taken;

    public WeightLayout(RnnNet net)
    {
        _net = net;
        int layers = net.PseudoLayers;
        int rows = net.Gates * net.HiddenSize;
        _input = new WeightBlock[layers];
        _recurrent = new WeightBlock[layers];
        _projection = new WeightBlock[layers];
        _inputBias = new WeightBlock[layers];
        _recurrentBias = new WeightBlock[layers];
        for (int layer = 0; layer < layers; layer++)
        {
            _input[layer] = Take(rows, net.InputOf(layer));
            _recurrent[layer] = Take(rows, net.State);
            if (net.Projects)
                _projection[layer] = Take(net.ProjSize, net.HiddenSize);
        }
        for (int layer = 0; layer < layers; layer++)
        {
            if (net.HasInputBias)
                _inputBias[layer] = Take(rows, 1);
            if (net.HasRecurrentBias)
                _recurrentBias[layer] = Take(rows, 1);
        }
    }

    /// <summary>Bytes of the weight space.</summary>
    public long Bytes => _end * sizeof(float);

    /// <summary>How many numbers a gate can have: those of the input, the recurrent ones, and the projection.</summary>
    public int LinearLayers => 2 * _net.Gates + 1;

    /// <summary>Where a gate's weights and bias lie; either may not exist.</summary>
    public (WeightBlock Weights, WeightBlock Bias) Find(int pseudoLayer, int linearLayer)
    {
        int gates = _net.Gates;
        if (linearLayer == 2 * gates)
            return (_projection[pseudoLayer], default);
        bool recurrent = linearLayer >= gates;
        int gate = linearLayer % gates;
        return (
            Gate((recurrent ? _recurrent : _input)[pseudoLayer], gate),
            Gate((recurrent ? _recurrentBias : _inputBias)[pseudoLayer], gate)
        );
    }

    /// <summary>Reads the weights; the gaps are left alone.</summary>
    public RecurrentLayer[] Read(DeviceMemory memory, nint space, string call, string argument) =>
        Each(
            (block, count) =>
            {
                double[] values = new double[count];
                if (block.Exists)
                    RnnData.Widen(
                        memory.Read<float>(At(space, block), block.Count, call, argument),
                        values
                    );
                return values;
            }
        );

    /// <summary>Weights of zeros, to add gradients to.</summary>
    public RecurrentLayer[] Zeros() => Each((_, count) => new double[count]);

    /// <summary>Adds gradients to those in memory; the gaps are left alone.</summary>
    public void Add(
        DeviceMemory memory,
        nint space,
        RecurrentLayer[] gradients,
        string call,
        string argument
    )
    {
        for (int layer = 0; layer < gradients.Length; layer++)
        {
            RecurrentLayer gradient = gradients[layer];
            AddBlock(_input[layer], gradient.WeightIh);
            AddBlock(_recurrent[layer], gradient.WeightHh);
            AddBlock(_projection[layer], gradient.WeightHr ?? []);
            AddBlock(_inputBias[layer], gradient.BiasIh);
            AddBlock(_recurrentBias[layer], gradient.BiasHh);
        }

        void AddBlock(WeightBlock block, double[] values)
        {
            if (!block.Exists)
                return;
            Span<float> sums = memory.ReadWrite<float>(
                At(space, block),
                block.Count,
                call,
                argument
            );
            for (int i = 0; i < sums.Length; i++)
                sums[i] = (float)(sums[i] + values[i]);
        }
    }

    /// <summary>A number for all weights.</summary>
    public static long Hash(RecurrentLayer[] layers)
    {
        long hash = 0;
        foreach (RecurrentLayer layer in layers)
        foreach (
            double[]? part in new[]
            {
                layer.WeightIh,
                layer.WeightHh,
                layer.WeightHr,
                layer.BiasIh,
                layer.BiasHh,
            }
        )
            hash = unchecked(hash * 31 + ContentHash.Of((part ?? []).AsSpan()));
        return hash;
    }

    private RecurrentLayer[] Each(Func<WeightBlock, long, double[]> values)
    {
        int rows = _net.Gates * _net.HiddenSize;
        return
        [
            .. Enumerable
                .Range(0, _net.PseudoLayers)
                .Select(layer => new RecurrentLayer(
                    _net.InputOf(layer),
                    _net.HiddenSize,
                    values(_input[layer], _input[layer].Count),
                    values(_recurrent[layer], _recurrent[layer].Count),
                    values(_inputBias[layer], rows),
                    values(_recurrentBias[layer], rows),
                    _net.Projects ? values(_projection[layer], _projection[layer].Count) : null,
                    _net.Clip
                )),
        ];
    }

    private WeightBlock Gate(WeightBlock block, int gate)
    {
        if (!block.Exists)
            return default;
        int hidden = _net.HiddenSize;
        return new(block.Offset + (long)gate * hidden * block.Columns, hidden, block.Columns);
    }

    private WeightBlock Take(int rows, int columns)
    {
        // Odd gaps, so that no block begins where its neighbour's size says.
        _end += 1 + 2 * (_taken++ % 4);
        var block = new WeightBlock(_end, rows, columns);
        _end += block.Count;
        return block;
    }

    private static nint At(nint space, WeightBlock block) =>
        space + (nint)(block.Offset * sizeof(float));
}
