using Sequor.Reference;

namespace Sequor.VirtualGpu;

/// <summary>The work of cudnnRNNBackwardWeights_v8: adds to what is there.</summary>
/// <param name="Call">what all calls have; its weights are the gradients</param>
/// <param name="AtX">the input</param>
/// <param name="AtY">the output</param>
/// <param name="Hx">first states; 0 for zeros</param>
internal sealed record RnnBackwardWeights(RnnCall Call, nint AtX, nint AtY, nint Hx)
{
    private RnnNet Net => Call.Net;

    /// <summary>x and y, and the weights' gradients, which are added to.</summary>
    public LibraryWork Work => Call.Least(Net.InputSize + Net.OutputSize, 2, [Hx], []);

    public void Run(DeviceMemory memory)
    {
        Call.SpoilWorkspace(memory);
        Call.CheckLengths(memory);
        ReserveStamp stamp = ReserveStamp.Read(
            memory,
            Call.Reserve,
            Net,
            Call.X,
            ReservePhase.BackwardData,
            Call.Call
        );
        double[] x = Call.X.Read(memory, AtX, Call.Call, "x");
        Check(stamp.X, ContentHash.Of(x.AsSpan()), AtX, "x");
        double[] y = Call.Y.Read(memory, AtY, Call.Call, "y");
        Check(stamp.Y, ContentHash.Of(y.AsSpan()), AtY, "y");
        double[] hx = Call.ReadStates(memory, Hx, Net.State, "hx");
        Check(stamp.Hx, ContentHash.Of(hx.AsSpan()), Hx, "hx");

        RecurrentLayer[] gradients = Call.Layout.Zeros();
        double[][] inputs = [.. Enumerable.Repeat(Call.RoundFactors(x), Net.Directions)];
        for (int layer = 0; layer < Net.NumLayers; layer++)
        {
            bool last = layer == Net.NumLayers - 1;
            double[] output = last ? y : Call.FetchLayer(memory, Call.Kept.Outputs[layer]);
            for (int direction = 0; direction < Net.Directions; direction++)
            {
                int pseudo = layer * Net.Directions + direction;
                double[] input = inputs[direction];
                for (int b = 0; b < Call.X.Batch; b++)
                    Sequence(memory, gradients[pseudo], pseudo, b, input, output, hx);
            }
            for (int direction = 0; direction < Net.Directions && !last; direction++)
            {
                ReserveArea area = Call.Kept.Masks[(layer * Net.Directions) + direction];
                double[] mask = Call.FetchLayer(memory, area);
                inputs[direction] = Call.RoundFactors([
                    .. output.Zip(mask, (value, factor) => value * factor),
                ]);
            }
        }
        Call.Effect.Spoil(gradients[0].WeightHh);
        Call.Layout.Add(memory, Call.Weights, gradients, Call.Call, "dweightSpace");
        Call.SpoilWorkspace(memory);
    }

    private void Check(long before, long now, nint address, string argument) =>
        ReserveStamp.CheckUnchanged(before, now, address, Call.Call, argument);

    private void Sequence(
        DeviceMemory memory,
        RecurrentLayer gradient,
        int pseudo,
        int b,
        double[] input,
        double[] output,
        double[] hx
    )
    {
        (int steps, int inputs) = (Call.X.Lengths[b], gradient.Inputs);
        var deltas = new RnnDeltas(Net.Kind, steps, Net.HiddenSize, Net.State);
        Call.Fetch(memory, Call.Kept.InputDeltas[pseudo], deltas.Input, pseudo, b);
        Call.Fetch(memory, Call.Kept.RecurrentDeltas[pseudo], deltas.Recurrent, pseudo, b);
        Call.Fetch(memory, Call.Kept.StateDeltas[pseudo], deltas.States, pseudo, b);
        double[] unprojected = new double[Net.IsLstm ? steps * Net.HiddenSize : 0];
        Call.Fetch(memory, Call.Kept.Unprojected[pseudo], unprojected, pseudo, b);
        RnnSequenceBackward.Weights(
            deltas,
            Call.Gather(input, inputs, 0, inputs, pseudo, b),
            Call.StatesBefore(output, Call.StateOf(hx, Net.State, pseudo, b), pseudo, b),
            unprojected,
            gradient
        );
    }
}
