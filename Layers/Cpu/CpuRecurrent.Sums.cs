namespace Sequor.Layers.Cpu;

// The sums of a step's gates, before their activations: x times its weights, h times its weights, and the bias.
internal sealed unsafe partial class CpuRecurrent
{
    // A row of x beside the row of h that its step begins from, [rows, I + P], forward.
    private long _sliceJoined;
    private long _groupJoined;

    // One product over x and h together writes the gates once, where two would read them again; for few inputs the first of two would take
    // as long as a tenth of the second. A GRU's candidate needs the two parts apart.
    private bool Joins => !_wide && _d.Kind != RecurrentKind.Gru;

    private long JoinedElements(int rows, int widest) => Joins ? rows * ((long)widest + _state) : 0;

    private Packed JoinedWeights(in Place p) =>
        new(_call.Workspace + p.InputWeights, p.Inputs + _state, _gateColumns, _backend.Lanes);

    /// <summary>
    /// Writes the sums of a step. The first rows go on from the step before, the others begin from <paramref name="initial"/>, or from
    /// zeros where that is null.
    /// </summary>
    private void Sums(
        in Walk walk,
        in Place p,
        int n,
        int rows,
        int continuing,
        float* initial,
        float* joined
    )
    {
        if (Joins)
            JoinedSums(walk, p, n, rows, continuing, initial, joined);
        else
            SumsApart(walk, p, n, rows, continuing, initial);
    }

    private void JoinedSums(
        in Walk walk,
        in Place p,
        int n,
        int rows,
        int continuing,
        float* initial,
        float* joined
    )
    {
        int t = walk.Step(n);
        int width = walk.Inputs + _state;
        float* a = walk.Input(t);
        Tile tile = InputTile(walk);
        if (continuing > 0 || initial != null)
        {
            float* before = continuing > 0 ? walk.Output(walk.Before(t)) : null;
            for (int r = 0; r < rows; r++)
            {
                float* row = joined + (nint)r * width;
                CopyFew(a + (nint)r * walk.InputStride, row, walk.Inputs);
                row += walk.Inputs;
                if (r < continuing)
                    Copy(before + (nint)r * walk.OutputStride, row, _state);
                else if (initial != null)
                    Copy(initial + (nint)r * _state, row, _state);
                else
                    new Span<float>(row, _state).Clear();
            }
            a = joined;
            (tile.RowStride, tile.Depth) = (width, width);
        }
        Ahead ahead = FetchedForward(walk, n + 1, tile, rows);
        tile.Ahead = &ahead;
        float* bias = _call.Workspace + p.Bias;
        JoinedWeights(p).Multiply(tile, rows, a, bias, walk.Gates(t));
    }

    private void SumsApart(
        in Walk walk,
        in Place p,
        int n,
        int rows,
        int continuing,
        float* initial
    )
    {
        int t = walk.Step(n);
        float* bias = _call.Workspace + p.Bias;
        float* gates = walk.Gates(t);
        InputWeights(p).Multiply(InputTile(walk), rows, walk.Input(t), bias, gates);
        for (int r = 0; r < rows; r++)
            Copy(bias + 3 * _hidden, gates + (nint)r * _gateWidth + 3 * _hidden, _hidden);
        float* seen = gates + HiddenColumn;
        Tile tile = HiddenTile(walk);
        Ahead ahead = FetchedForward(walk, n + 1, tile, continuing);
        tile.Ahead = &ahead;
        if (continuing > 0)
            HiddenWeights(p).Multiply(tile, continuing, walk.Output(walk.Before(t)), seen, seen);
        if (initial == null || continuing == rows)
            return;
        tile.RowStride = _state;
        float* begun = seen + (nint)continuing * walk.GateStride;
        HiddenWeights(p)
            .Multiply(tile, rows - continuing, initial + (nint)continuing * _state, begun, begun);
    }

    // A step's inputs times their weights, beginning from the bias.
    private static Tile InputTile(in Walk walk) =>
        new()
        {
            RowStride = walk.InputStride,
            DepthStride = 1,
            Depth = walk.Inputs,
            Taps = 1,
            InitStride = 0,
            OutputStride = walk.GateStride,
        };

    // The outputs of the step before times the recurrent weights, added to the gates.
    private Tile HiddenTile(in Walk walk) =>
        new()
        {
            RowStride = walk.OutputStride,
            DepthStride = 1,
            Depth = _state,
            Taps = 1,
            InitStride = walk.GateStride,
            OutputStride = walk.GateStride,
        };

    // What the step number n writes first: its gates, and its cells.
    private Ahead FetchedForward(in Walk walk, int n, in Tile tile, int rows)
    {
        var ahead = new Ahead();
        // Without training, a step writes where the one before it wrote.
        if (!_d.Training || n >= walk.Steps)
            return ahead;
        int t = walk.Step(n);
        long next = walk.Running(t);
        if (!InPlace)
            ahead.Add(walk.Gates(t), next * _gateWidth);
        if (_d.Kind == RecurrentKind.Lstm)
            ahead.Add(walk.Cells(t), next * _hidden);
        ahead.Spread(tile.FetchingSteps(_backend.Lanes, rows, _gateColumns));
        return ahead;
    }

    // A call takes longer than a few values do.
    private static void CopyFew(float* from, float* to, int count)
    {
        const int Few = 8;
        if (count > Few)
        {
            Copy(from, to, count);
            return;
        }
        for (int i = 0; i < count; i++)
            to[i] = from[i];
    }
}
