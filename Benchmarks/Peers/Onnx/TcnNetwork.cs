namespace Sequor.Peers;

/// <summary>
/// The temporal convolutional network of Bai, Kolter and Koltun (2018), section 3.3, whose last output goes through a linear layer. Weight
/// norm is no part of it: who computes a trained model has multiplied it into the filters.
/// </summary>
internal sealed class TcnNetwork : OnnxNetwork
{
    private const int Taps = PeerSettings.Kernel;

    // Two a level, and what the first level's skip has; filters are [outputs, inputs, taps].
    private readonly (float[] Filters, float[] Bias)[] _convolutions;
    private readonly (float[] Weights, float[] Bias)? _skip;
    private readonly (float[] Weights, float[] Bias) _head;
    private readonly int _width;

    public TcnNetwork(PeerSettings settings)
        : base(settings)
    {
        _width = settings.Hidden;
        _convolutions = new (float[], float[])[2 * settings.Layers];
        for (int i = 0; i < _convolutions.Length; i++)
        {
            long fan = (long)InputsOf(i) * Taps;
            _convolutions[i] = (Draw(_width * fan, fan), Draw(_width, fan));
        }
        if (_width != PeerSettings.Inputs)
            _skip = (
                Draw(_width * PeerSettings.Inputs, PeerSettings.Inputs),
                Draw(_width, PeerSettings.Inputs)
            );
        _head = (Draw(_width * PeerSettings.Outputs, _width), Draw(PeerSettings.Outputs, _width));
    }

    private int InputsOf(int convolution) => convolution == 0 ? PeerSettings.Inputs : _width;

    public override byte[] Sequence(int length, int batch)
    {
        var graph = new OnnxGraph();
        string x = graph.Input("x", length, batch, PeerSettings.Inputs);
        // Convolutions have time last: [B, C, T].
        x = graph.Node("Transpose", [x], ("perm[]", [1, 2, 0]));
        string y = Blocks(
            graph,
            x,
            (input, i) =>
            {
                (float[] filters, float[] bias) = _convolutions[i];
                long dilation = 1L << (i / 2);
                return graph.Node(
                    "Conv",
                    [
                        input,
                        graph.Weights(filters, _width, InputsOf(i), Taps),
                        graph.Weights(bias, _width),
                    ],
                    ("dilations[]", [dilation]),
                    ("kernel_shape[]", [Taps]),
                    // Zeros before the first step and none behind the last: no output sees what comes later.
                    ("pads[]", [(Taps - 1) * dilation, 0])
                );
            },
            (input, skip) =>
                graph.Node(
                    "Conv",
                    [
                        input,
                        graph.Weights(skip.Weights, _width, PeerSettings.Inputs, 1),
                        graph.Weights(skip.Bias, _width),
                    ],
                    ("kernel_shape[]", [1])
                )
        );
        Head(graph, graph.Node("Gather", [y, graph.Scalar(-1)], ("axis", [2])), batch);
        return graph.ToModel();
    }

    public override StreamStep CreateStream()
    {
        var graph = new OnnxGraph();
        string x = graph.Input("x", 1, PeerSettings.Inputs);
        var now = new List<string>();
        string y = Blocks(
            graph,
            x,
            (input, i) =>
            {
                int inputs = InputsOf(i);
                string past = graph.Input(TcnStream.Past(i), Taps - 1, inputs);
                now.Add(input);
                // The caller has the first one's itself.
                if (i > 0)
                    graph.Output(input, 1, inputs);
                string taps = graph.Node("Concat", [past, input], ("axis", [0]));
                string row = graph.Node("Reshape", [taps, graph.Vector(1, Taps * inputs)]);
                return graph.Node(
                    "Gemm",
                    [
                        row,
                        graph.Weights(ByTap(i), Taps * inputs, _width),
                        graph.Weights(_convolutions[i].Bias, _width),
                    ]
                );
            },
            (input, skip) =>
                graph.Node(
                    "Gemm",
                    [
                        input,
                        graph.Weights(skip.Weights, _width, PeerSettings.Inputs),
                        graph.Weights(skip.Bias, _width),
                    ],
                    ("transB", [1])
                )
        );
        Head(graph, y, 1);
        return new TcnStream(graph.ToModel(), now, Parameters, Settings);
    }

    private string Blocks(
        OnnxGraph graph,
        string x,
        Func<string, int, string> convolve,
        Func<string, (float[] Weights, float[] Bias), string> through
    )
    {
        for (int i = 0; i < _convolutions.Length; i += 2)
        {
            string inner = graph.Node("Relu", [convolve(x, i)]);
            inner = graph.Node("Relu", [convolve(inner, i + 1)]);
            string skip = i == 0 && _skip is { } first ? through(x, first) : x;
            x = graph.Node("Relu", [graph.Node("Add", [inner, skip])]);
        }
        return x;
    }

    // The filters as a matrix from a row of taps, the oldest first, to the outputs.
    private float[] ByTap(int convolution)
    {
        int inputs = InputsOf(convolution);
        float[] filters = _convolutions[convolution].Filters;
        float[] matrix = new float[filters.Length];
        for (int output = 0; output < _width; output++)
        {
            for (int input = 0; input < inputs; input++)
            {
                for (int tap = 0; tap < Taps; tap++)
                    matrix[(((tap * inputs) + input) * _width) + output] = filters[
                        (((output * inputs) + input) * Taps) + tap
                    ];
            }
        }
        return matrix;
    }

    private void Head(OnnxGraph graph, string rows, int batch)
    {
        string head = graph.Weights(_head.Weights, PeerSettings.Outputs, _width);
        string bias = graph.Weights(_head.Bias, PeerSettings.Outputs);
        graph.Node("Gemm", [rows, head, bias], ["y"], ("transB", [1]));
        graph.Output("y", batch, PeerSettings.Outputs);
    }
}
