using Sequor.Reference;

namespace Sequor.VirtualGpu;

/// <summary>The work of cudnnRNNForward.</summary>
/// <param name="Call">what all calls have</param>
/// <param name="Training">whether a backward call follows</param>
/// <param name="AtX">the input</param>
/// <param name="AtY">the output</param>
/// <param name="Hx">first states; 0 for zeros</param>
/// <param name="Hy">last states; 0 for not wanted</param>
/// <param name="Cx">first cell states; 0 for zeros</param>
/// <param name="Cy">last cell states; 0 for not wanted</param>
/// <param name="DropoutRate">how likely an element between layers is dropped</param>
/// <param name="DropoutStates">where the random numbers' states are</param>
internal sealed record RnnForward(
    RnnCall Call,
    bool Training,
    nint AtX,
    nint AtY,
    nint Hx,
    nint Hy,
    nint Cx,
    nint Cy,
    float DropoutRate,
    nint DropoutStates
)
{
    private RnnNet Net => Call.Net;

    /// <summary>x, y, and the weights.</summary>
    public LibraryWork Work => Call.Least(Net.InputSize + Net.OutputSize, 1, [Hx, Hy], [Cx, Cy]);

    public void Run(DeviceMemory memory)
    {
        int cells = Net.IsLstm ? Net.HiddenSize : 0;
        int states = Net.PseudoLayers * Call.X.Batch;
        Call.SpoilWorkspace(memory);
        // Padding that no fill is given for stays undefined.
        RnnCall.Spoil(memory, AtY, Call.Y.Count);
        RnnCall.Spoil(memory, Hy, states * Net.State);
        RnnCall.Spoil(memory, Cy, states * cells);
        Call.CheckLengths(memory);
        double[] x = Call.X.Read(memory, AtX, Call.Call, "x");
        double[] hx = Call.ReadStates(memory, Hx, Net.State, "hx");
        double[] cx = Call.ReadStates(memory, Cx, cells, "cx");
        RecurrentLayer[] weights = Call.ReadWeights(memory, out long weightsHash);
        var stamp = new ReserveStamp(
            Net.Algorithm,
            Net.Fingerprint(),
            ReserveStamp.HashOf(Call.X),
            ReservePhase.Forward,
            ContentHash.Of(x.AsSpan()),
            0,
            weightsHash,
            ContentHash.Of(hx.AsSpan()),
            ContentHash.Of(cx.AsSpan())
        );

        double[] y = Call.Effect.Spoil(Layers(memory, weights, x, hx, cx));
        Call.Y.Write(memory, AtY, y, Call.Call, "y");
        Call.WriteStates(memory, Hy, hx, "hy");
        Call.WriteStates(memory, Cy, cx, "cy");
        if (Training)
            (stamp with { Y = ContentHash.Of(y.AsSpan()) }).Write(memory, Call.Reserve, Call.Call);
        Call.SpoilWorkspace(memory);
    }

    /// <summary>All layers; hx and cx become the last states.</summary>
    private double[] Layers(
        DeviceMemory memory,
        RecurrentLayer[] weights,
        double[] x,
        double[] hx,
        double[] cx
    )
    {
        double[] output = x;
        // What each direction of the layer reads.
        double[][] inputs = [.. Enumerable.Repeat(x, Net.Directions)];
        int width = Net.InputSize;
        for (int layer = 0; layer < Net.NumLayers; layer++)
        {
            output = new double[Call.X.MaxLength * Call.X.Batch * Net.OutputSize];
            foreach (double[] input in inputs)
                Call.RoundFactors(input);
            for (int direction = 0; direction < Net.Directions; direction++)
            {
                int pseudo = layer * Net.Directions + direction;
                double[] input = inputs[direction];
                for (int b = 0; b < Call.X.Batch; b++)
                    Sequence(memory, weights[pseudo], pseudo, b, input, width, output, hx, cx);
            }
            if (layer + 1 < Net.NumLayers)
                inputs = Training
                    ? Drop(memory, layer, output)
                    : [.. Enumerable.Repeat(output, Net.Directions)];
            width = Net.OutputSize;
        }
        return output;
    }

    private void Sequence(
        DeviceMemory memory,
        RecurrentLayer weights,
        int pseudo,
        int b,
        double[] input,
        int width,
        double[] output,
        double[] hx,
        double[] cx
    )
    {
        double[] h = Call.StateOf(hx, Net.State, pseudo, b);
        double[] c = Net.IsLstm
            ? Call.StateOf(cx, Net.HiddenSize, pseudo, b)
            : new double[Net.HiddenSize];
        RnnTrace trace = RnnSequence.Forward(
            Net.Kind,
            weights,
            Call.Gather(input, width, 0, width, pseudo, b),
            Call.X.Lengths[b],
            h,
            c
        );
        int column = pseudo % Net.Directions * Net.State;
        Call.Scatter(trace.States, output, Net.OutputSize, column, Net.State, pseudo, b);
        Call.SetState(hx, h, pseudo, b);
        if (Net.IsLstm)
            Call.SetState(cx, c, pseudo, b);
        if (!Training)
            return;
        Call.Keep(memory, Call.Kept.Gates[pseudo], trace.Gates, pseudo, b);
        Call.Keep(memory, Call.Kept.RecurrentNew[pseudo], trace.RecurrentNew, pseudo, b);
        Call.Keep(memory, Call.Kept.Cells[pseudo], trace.Cells, pseudo, b);
        Call.Keep(memory, Call.Kept.Unprojected[pseudo], trace.Unprojected, pseudo, b);
    }

    /// <summary>
    /// Keeps a layer's output and its masks, and gives what the directions of the next layer read: each has a mask of its own
    /// over the outputs of both.
    /// </summary>
    private double[][] Drop(DeviceMemory memory, int layer, double[] output)
    {
        Call.KeepLayer(memory, Call.Kept.Outputs[layer], output);
        double[][] inputs = new double[Net.Directions][];
        for (int direction = 0; direction < Net.Directions; direction++)
        {
            double[] mask = Mask(memory);
            Call.KeepLayer(memory, Call.Kept.Masks[(layer * Net.Directions) + direction], mask);
            inputs[direction] = [.. output.Zip(mask, (value, factor) => value * factor)];
        }
        return inputs;
    }

    /// <summary>
    /// Factors for [T, B, outputs]: drawn for the steps that there are, step after step, the longest sequence first, and those
    /// of one length in their order. Padding takes no numbers.
    /// </summary>
    private double[] Mask(DeviceMemory memory)
    {
        double[] mask = new double[Call.X.MaxLength * Call.X.Batch * Net.OutputSize];
        if (DropoutRate == 0)
        {
            Array.Fill(mask, 1);
            return mask;
        }
        double[] drawn = VirtualGpu.DropoutStates.Draw(
            memory,
            DropoutStates,
            DropoutRate,
            Call.X.Lengths.Sum() * Net.OutputSize,
            Call.Call
        );
        int[] order =
        [
            .. Enumerable.Range(0, Call.X.Batch).OrderByDescending(b => Call.X.Lengths[b]),
        ];
        int row = 0;
        for (int t = 0; t < Call.X.MaxLength; t++)
            foreach (int b in order.Where(b => t < Call.X.Lengths[b]))
                drawn
                    .AsSpan(row++ * Net.OutputSize, Net.OutputSize)
                    .CopyTo(mask.AsSpan(((t * Call.X.Batch) + b) * Net.OutputSize));
        return mask;
    }
}
