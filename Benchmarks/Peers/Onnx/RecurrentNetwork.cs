namespace Sequor.Peers;

/// <summary>
/// A tanh RNN, an LSTM or a GRU in layers, whose last output goes through a linear layer. With two biases a gate, and in a GRU the reset
/// gate behind the product, as cuDNN and PyTorch have them.
/// </summary>
internal sealed class RecurrentNetwork : OnnxNetwork
{
    private readonly string _operation;
    private readonly int _gates;
    private readonly (float[] W, float[] R, float[] B)[] _layers;
    private readonly float[] _head;
    private readonly float[] _headBias;

    public RecurrentNetwork(PeerSettings settings)
        : base(settings)
    {
        _operation = settings.Arch.ToUpperInvariant();
        _gates = _operation switch
        {
            "LSTM" => 4,
            "GRU" => 3,
            _ => 1,
        };
        long width = settings.Hidden;
        _layers = new (float[], float[], float[])[settings.Layers];
        for (int i = 0; i < _layers.Length; i++)
            _layers[i] = (
                Draw(_gates * width * InputsOf(i), width),
                Draw(_gates * width * width, width),
                Draw(2 * _gates * width, width)
            );
        _head = Draw(width * PeerSettings.Outputs, width);
        _headBias = Draw(PeerSettings.Outputs, width);
    }

    private int InputsOf(int layer) => layer == 0 ? PeerSettings.Inputs : Settings.Hidden;

    public override byte[] Sequence(int length, int batch)
    {
        var graph = new OnnxGraph();
        string x = graph.Input("x", length, batch, PeerSettings.Inputs);
        string last = "";
        for (int i = 0; i < _layers.Length; i++)
        {
            bool isLast = i == _layers.Length - 1;
            string all = isLast ? "" : graph.Next();
            last = graph.Next();
            Layer(graph, i, [x, .. Weights(graph, i)], [all, last]);
            // One direction, which the operation gives a dimension.
            if (!isLast)
                x = graph.Node("Squeeze", [all, graph.Vector(1)]);
        }
        Head(graph, last, batch);
        return graph.ToModel();
    }

    public override StreamStep CreateStream()
    {
        var graph = new OnnxGraph();
        string x = graph.Input("x", 1, 1, PeerSettings.Inputs);
        string[] kinds = _operation == "LSTM" ? ["h", "c"] : ["h"];
        var states = new List<string>();
        for (int i = 0; i < _layers.Length; i++)
        {
            string[] before = [.. kinds.Select(kind => $"{kind}{i}")];
            string[] after = [.. before.Select(RecurrentStream.After)];
            foreach (string state in before)
                graph.Input(state, 1, 1, Settings.Hidden);
            foreach (string state in after)
                graph.Output(state, 1, 1, Settings.Hidden);
            // No lengths of sequences: all are whole.
            Layer(graph, i, [x, .. Weights(graph, i), "", .. before], ["", .. after]);
            // Of one step the last output, by direction, has the shape of all of them, by step.
            x = after[0];
            states.AddRange(before);
        }
        Head(graph, x, 1);
        return new RecurrentStream(graph.ToModel(), states, Parameters, Settings);
    }

    private string[] Weights(OnnxGraph graph, int layer)
    {
        (float[] w, float[] r, float[] b) = _layers[layer];
        long rows = (long)_gates * Settings.Hidden;
        return
        [
            graph.Weights(w, 1, rows, InputsOf(layer)),
            graph.Weights(r, 1, rows, Settings.Hidden),
            graph.Weights(b, 1, 2 * rows),
        ];
    }

    private void Layer(OnnxGraph graph, int layer, string[] inputs, string[] outputs)
    {
        (string, long[]) size = ("hidden_size", [Settings.Hidden]);
        if (_operation == "GRU")
            graph.Node(_operation, inputs, outputs, size, ("linear_before_reset", [1]));
        else
            graph.Node(_operation, inputs, outputs, size);
    }

    // From the last outputs [1, B, H] to y [B, 1].
    private void Head(OnnxGraph graph, string last, int batch)
    {
        string rows = graph.Node("Squeeze", [last, graph.Vector(0)]);
        string head = graph.Weights(_head, PeerSettings.Outputs, Settings.Hidden);
        string bias = graph.Weights(_headBias, PeerSettings.Outputs);
        graph.Node("Gemm", [rows, head, bias], ["y"], ("transB", [1]));
        graph.Output("y", batch, PeerSettings.Outputs);
    }
}
