using Sequor.Reference;

namespace Sequor.VirtualGpu;

/// <summary>The work of cudnnRNNBackwardData_v8. It uses up what forward kept.</summary>
/// <param name="Call">what all calls have</param>
/// <param name="AtY">the output</param>
/// <param name="AtDy">gradient by it</param>
/// <param name="AtDx">gradient by the input</param>
/// <param name="Hx">first states; 0 for zeros</param>
/// <param name="Dhy">gradient by the last states; 0 for zeros</param>
/// <param name="Dhx">gradient by the first states; 0 for not wanted</param>
/// <param name="Cx">first cell states; 0 for zeros</param>
/// <param name="Dcy">gradient by the last cell states; 0 for zeros</param>
/// <param name="Dcx">gradient by the first cell states; 0 for not wanted</param>
internal sealed record RnnBackwardData(
    RnnCall Call,
    nint AtY,
    nint AtDy,
    nint AtDx,
    nint Hx,
    nint Dhy,
    nint Dhx,
    nint Cx,
    nint Dcy,
    nint Dcx
)
{
    private RnnNet Net => Call.Net;

    /// <summary>y, its gradient and that of x, and the weights.</summary>
    public LibraryWork Work =>
        Call.Least(Net.InputSize + 2 * Net.OutputSize, 1, [Hx, Dhy, Dhx], [Cx, Dcy, Dcx]);

    public void Run(DeviceMemory memory)
    {
        int cells = Net.IsLstm ? Net.HiddenSize : 0;
        int states = Net.PseudoLayers * Call.X.Batch;
        Call.SpoilWorkspace(memory);
        RnnCall.Spoil(memory, AtDx, Call.X.Count);
        RnnCall.Spoil(memory, Dhx, states * Net.State);
        RnnCall.Spoil(memory, Dcx, states * cells);
        Call.CheckLengths(memory);
        ReserveStamp stamp = ReserveStamp.Read(
            memory,
            Call.Reserve,
            Net,
            Call.X,
            ReservePhase.Forward,
            Call.Call
        );
        double[] y = Call.Y.Read(memory, AtY, Call.Call, "y");
        Check(stamp.Y, ContentHash.Of(y.AsSpan()), AtY, "y");
        double[] hx = Call.ReadStates(memory, Hx, Net.State, "hx");
        Check(stamp.Hx, ContentHash.Of(hx.AsSpan()), Hx, "hx");
        double[] cx = Call.ReadStates(memory, Cx, cells, "cx");
        Check(stamp.Cx, ContentHash.Of(cx.AsSpan()), Cx, "cx");
        RecurrentLayer[] weights = Call.ReadWeights(memory, out long weightsHash);
        Check(stamp.Weights, weightsHash, Call.Weights, "weightSpace");
        double[] dh = Call.ReadStates(memory, Dhy, Net.State, "dhy");
        double[] dc = Call.ReadStates(memory, Dcy, cells, "dcy");
        double[] dy = Call.Y.Read(memory, AtDy, Call.Call, "dy");

        double[] dx = Call.Effect.Spoil(Layers(memory, weights, y, dy, hx, cx, dh, dc));
        Call.X.Write(memory, AtDx, dx, Call.Call, "dx");
        Call.WriteStates(memory, Dhx, dh, "dhx");
        Call.WriteStates(memory, Dcx, dc, "dcx");
        (stamp with { Phase = ReservePhase.BackwardData }).Write(memory, Call.Reserve, Call.Call);
        Call.SpoilWorkspace(memory);
    }

    private void Check(long before, long now, nint address, string argument) =>
        ReserveStamp.CheckUnchanged(before, now, address, Call.Call, argument);

    /// <summary>All layers, the last first; dh and dc become the gradients by the first states.</summary>
    private double[] Layers(
        DeviceMemory memory,
        RecurrentLayer[] weights,
        double[] y,
        double[] dy,
        double[] hx,
        double[] cx,
        double[] dh,
        double[] dc
    )
    {
        double[] dOutput = dy;
        double[] output = y;
        for (int layer = Net.NumLayers - 1; layer >= 0; layer--)
        {
            int width = Net.InputOf(layer * Net.Directions);
            double[] dInput = new double[Call.X.MaxLength * Call.X.Batch * width];
            for (int direction = 0; direction < Net.Directions; direction++)
            {
                int pseudo = layer * Net.Directions + direction;
                double[] dRead = new double[dInput.Length];
                for (int b = 0; b < Call.X.Batch; b++)
                    Sequence(
                        memory,
                        weights[pseudo],
                        pseudo,
                        b,
                        output,
                        dOutput,
                        dRead,
                        hx,
                        cx,
                        dh,
                        dc
                    );
                if (layer > 0)
                {
                    int boundary = pseudo - Net.Directions;
                    double[] mask = Call.FetchLayer(memory, Call.Kept.Masks[boundary]);
                    for (int i = 0; i < dRead.Length; i++)
                        dRead[i] *= mask[i];
                }
                DoubleRows.Add(1, dRead, dInput);
            }
            if (layer > 0)
                output = Call.FetchLayer(memory, Call.Kept.Outputs[layer - 1]);
            dOutput = dInput;
        }
        return dOutput;
    }

    private void Sequence(
        DeviceMemory memory,
        RecurrentLayer weights,
        int pseudo,
        int b,
        double[] output,
        double[] dOutput,
        double[] dInput,
        double[] hx,
        double[] cx,
        double[] dhAll,
        double[] dcAll
    )
    {
        (int hidden, int state, int inputs) = (Net.HiddenSize, Net.State, weights.Inputs);
        var trace = new RnnTrace(Net.Kind, Call.X.Lengths[b], hidden, state);
        Call.Fetch(memory, Call.Kept.Gates[pseudo], trace.Gates, pseudo, b);
        Call.Fetch(memory, Call.Kept.RecurrentNew[pseudo], trace.RecurrentNew, pseudo, b);
        Call.Fetch(memory, Call.Kept.Cells[pseudo], trace.Cells, pseudo, b);
        double[] first = Call.StateOf(hx, state, pseudo, b);
        double[] c0 = Net.IsLstm ? Call.StateOf(cx, hidden, pseudo, b) : [];
        double[] dh = Call.StateOf(dhAll, state, pseudo, b);
        double[] dc = Net.IsLstm ? Call.StateOf(dcAll, hidden, pseudo, b) : [];
        double[] dx = new double[trace.Steps * inputs];
        int column = pseudo % Net.Directions * state;
        RnnDeltas deltas = RnnSequenceBackward.Data(
            Net.Kind,
            weights,
            trace,
            Call.StatesBefore(output, first, pseudo, b),
            c0,
            Call.Gather(dOutput, Net.OutputSize, column, state, pseudo, b),
            dh,
            dc,
            dx
        );
        Call.Scatter(dx, dInput, inputs, 0, inputs, pseudo, b);
        Call.SetState(dhAll, dh, pseudo, b);
        if (Net.IsLstm)
            Call.SetState(dcAll, dc, pseudo, b);
        Call.Keep(memory, Call.Kept.InputDeltas[pseudo], deltas.Input, pseudo, b);
        Call.Keep(memory, Call.Kept.RecurrentDeltas[pseudo], deltas.Recurrent, pseudo, b);
        Call.Keep(memory, Call.Kept.StateDeltas[pseudo], deltas.States, pseudo, b);
    }
}
