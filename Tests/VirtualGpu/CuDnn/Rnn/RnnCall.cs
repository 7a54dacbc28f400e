using Sequor.Native;
using Sequor.Reference;

namespace Sequor.VirtualGpu;

/// <summary>What the three calls of a recurrent net have in common; the work runs when its stream comes to it.</summary>
/// <param name="Call">the call's name</param>
/// <param name="Net">the net</param>
/// <param name="X">the input's sequences</param>
/// <param name="Y">the output's sequences</param>
/// <param name="Tf32">whether products round their factors</param>
/// <param name="DevLengths">lengths on the device; 0 for none</param>
/// <param name="Weights">weights; for the weights' gradients their place</param>
/// <param name="Workspace">scratch</param>
/// <param name="WorkspaceBytes">how much was given</param>
/// <param name="Reserve">the reserve; 0 for none</param>
internal sealed record RnnCall(
    string Call,
    RnnNet Net,
    RnnData X,
    RnnData Y,
    bool Tf32,
    nint DevLengths,
    nint Weights,
    nint Workspace,
    long WorkspaceBytes,
    nint Reserve
)
{
    public WeightLayout Layout { get; } = new(Net);

    /// <summary>The descriptors of the sequences, and what they said when the call was made.</summary>
    public required (
        cudnnRNNDataDescriptor_t Handle,
        RnnData Said,
        string Argument
    )[] Described { get; init; }

    public ReserveLayout Kept { get; } = new(Net, X.MaxLength, X.Batch);

    /// <summary>Scratch that a net needs: never none, and another size for each algorithm, bytes.</summary>
    public static long WorkspaceSize(RnnNet net, RnnData data)
    {
        long step = (long)data.Batch * net.Gates * net.HiddenSize * sizeof(float);
        return net.Persistent
            ? 2 * step + 2048 * (1 + (long)net.Algorithm)
            : step * Math.Min(data.MaxLength, 8) + 1024;
    }

    /// <summary>What the kernels are named by, that have to be loaded before a capture.</summary>
    public string Kernels =>
        $"{Call} {Net.Algorithm} {Net.Mode} {Net.Direction} {(Net.Projects ? "projected" : "")}";

    /// <summary>
    /// What the call has to do at least: two operations for each weight of a matrix, step and sequence, of input, state and
    /// projection; backward calls do one such half each. What the net does to the sums is not counted, nor the reserve.
    /// </summary>
    /// <param name="rows">Values of a step and sequence that are read or written.</param>
    /// <param name="weightPasses">How often weights are read or written.</param>
    /// <param name="states">First and last states, or gradients by them; 0 for what is not there.</param>
    /// <param name="cells">The same of cell states.</param>
    public LibraryWork Least(int rows, int weightPasses, nint[] states, nint[] cells)
    {
        long matrices = 0;
        long biases = 0;
        long gates = (long)Net.Gates * Net.HiddenSize;
        for (int layer = 0; layer < Net.PseudoLayers; layer++)
        {
            matrices += gates * (Net.InputOf(layer) + Net.State);
            matrices += Net.Projects ? (long)Net.ProjSize * Net.HiddenSize : 0;
            biases += gates * ((Net.HasInputBias ? 1 : 0) + (Net.HasRecurrentBias ? 1 : 0));
        }
        long steps = X.Lengths.Sum(length => (long)length);
        long kept = (long)Net.PseudoLayers * X.Batch;
        long elements =
            steps * rows
            + weightPasses * (matrices + biases)
            + states.Count(at => at != 0) * kept * Net.State
            + cells.Count(at => at != 0) * kept * Net.HiddenSize;
        return new(Call, sizeof(float) * elements, 2 * steps * matrices, Tf32);
    }

    /// <summary>Fills the workspace with garbage, before and after the work: it keeps nothing.</summary>
    public void SpoilWorkspace(DeviceMemory memory) =>
        memory.Scribble(Workspace, Math.Min(WorkspaceBytes, WorkspaceSize(Net, X)));

    /// <summary>
    /// Checks that the descriptors still say what they said: nothing documents that a replay does not read them, or their arrays of
    /// lengths, again. That they may be destroyed is what PyTorch relies on, which does so right after each call.
    /// </summary>
    /// <exception cref="VirtualFaultException">One was set anew.</exception>
    public void CheckDescribed(VirtualDevice device)
    {
        foreach ((cudnnRNNDataDescriptor_t handle, RnnData said, string argument) in Described)
        {
            HandleTable<RnnDataDescriptor> all = device.Table<RnnDataDescriptor>(
                RnnDataDescriptor.Kind
            );
            if (all.Contains(handle.Value) && all.Find(handle.Value, Call, argument)?.Data != said)
                throw new VirtualFaultException(
                    new(
                        FaultKind.BadArgument,
                        Call,
                        argument,
                        handle.Value,
                        "this descriptor was set anew since the call was captured; a replay may read it"
                    )
                );
        }
    }

    /// <summary>Checks that the lengths on the device are the descriptor's.</summary>
    /// <exception cref="VirtualFaultException">They are not.</exception>
    public void CheckLengths(DeviceMemory memory)
    {
        if (DevLengths == 0)
            return;
        Span<int> lengths = memory.Read<int>(DevLengths, X.Batch, Call, "devSeqLengths");
        for (int b = 0; b < X.Batch; b++)
            if (lengths[b] != X.Lengths[b])
                throw new VirtualFaultException(
                    new(
                        FaultKind.BadArgument,
                        Call,
                        "devSeqLengths",
                        DevLengths,
                        $"sequence {b} has {lengths[b]} steps, by its descriptor {X.Lengths[b]}"
                    )
                );
    }

    /// <summary>The weights; what products read of them is rounded where TF32 is allowed.</summary>
    public RecurrentLayer[] ReadWeights(DeviceMemory memory, out long hash)
    {
        RecurrentLayer[] layers = Layout.Read(memory, Weights, Call, "weightSpace");
        hash = WeightLayout.Hash(layers);
        foreach (RecurrentLayer layer in layers)
        {
            RoundFactors(layer.WeightIh);
            RoundFactors(layer.WeightHh);
            RoundFactors(layer.WeightHr ?? []);
        }
        return layers;
    }

    /// <summary>Rounds what goes into products, where TF32 is allowed.</summary>
    public double[] RoundFactors(double[] values)
    {
        if (Tf32)
            VirtualGpu.Tf32.Round(values);
        return values;
    }

    /// <summary>States of all pseudo-layers, [layers, B, width]; zeros for a null address.</summary>
    public double[] ReadStates(DeviceMemory memory, nint address, int width, string argument)
    {
        double[] states = new double[Net.PseudoLayers * X.Batch * width];
        if (address != 0)
            RnnData.Widen(memory.Read<float>(address, states.Length, Call, argument), states);
        return states;
    }

    /// <summary>Writes states that are wanted.</summary>
    public void WriteStates(DeviceMemory memory, nint address, double[] states, string argument)
    {
        if (address != 0)
            RnnData.Narrow(states, memory.Write<float>(address, states.Length, Call, argument));
    }

    /// <summary>
    /// Fills an output with garbage before anything is read, so that an output which is an input as well is found.
    /// </summary>
    public static void Spoil(DeviceMemory memory, nint address, long floats)
    {
        if (address != 0)
            memory.Scribble(address, floats * sizeof(float));
    }

    /// <summary>Which step of sequence b is the s-th that a pseudo-layer computes.</summary>
    public int Step(int pseudoLayer, int b, int s) =>
        pseudoLayer % Net.Directions == 0 ? s : X.Lengths[b] - 1 - s;

    /// <summary>A sequence's part of [T, B, width], in the order in which a pseudo-layer computes.</summary>
    /// <param name="dense">[T, B, width]</param>
    /// <param name="width">width</param>
    /// <param name="column">the part's first column</param>
    /// <param name="columns">the part's width</param>
    /// <param name="pseudoLayer">the pseudo-layer</param>
    /// <param name="b">the sequence</param>
    public double[] Gather(
        double[] dense,
        int width,
        int column,
        int columns,
        int pseudoLayer,
        int b
    )
    {
        double[] rows = new double[X.Lengths[b] * columns];
        for (int s = 0; s < X.Lengths[b]; s++)
        {
            int row = (Step(pseudoLayer, b, s) * X.Batch + b) * width + column;
            dense.AsSpan(row, columns).CopyTo(rows.AsSpan(s * columns));
        }
        return rows;
    }

    /// <summary>Adds such a part to [T, B, width].</summary>
    public void Scatter(
        double[] rows,
        double[] dense,
        int width,
        int column,
        int columns,
        int pseudoLayer,
        int b
    )
    {
        for (int s = 0; s < X.Lengths[b]; s++)
        {
            int row = (Step(pseudoLayer, b, s) * X.Batch + b) * width + column;
            DoubleRows.Add(1, rows.AsSpan(s * columns, columns), dense.AsSpan(row, columns));
        }
    }

    /// <summary>Keeps rows of one sequence in the reserve.</summary>
    public void Keep(DeviceMemory memory, ReserveArea area, double[] rows, int pseudoLayer, int b)
    {
        for (int s = 0; s < X.Lengths[b] && area.Width > 0; s++)
        {
            nint at = Kept.Row(Reserve, area, Step(pseudoLayer, b, s), b);
            rows.AsSpan(s * area.Width, area.Width)
                .CopyTo(memory.Write<double>(at, area.Width, Call, "reserveSpace"));
        }
    }

    /// <summary>Fetches them.</summary>
    public void Fetch(DeviceMemory memory, ReserveArea area, double[] rows, int pseudoLayer, int b)
    {
        for (int s = 0; s < X.Lengths[b] && area.Width > 0; s++)
        {
            nint at = Kept.Row(Reserve, area, Step(pseudoLayer, b, s), b);
            memory
                .Read<double>(at, area.Width, Call, "reserveSpace")
                .CopyTo(rows.AsSpan(s * area.Width));
        }
    }

    /// <summary>Keeps all of a layer's [T, B, width] that belongs to a sequence.</summary>
    public void KeepLayer(DeviceMemory memory, ReserveArea area, double[] dense)
    {
        for (int b = 0; b < X.Batch; b++)
            Keep(memory, area, Gather(dense, area.Width, 0, area.Width, 0, b), 0, b);
    }

    /// <summary>Fetches it.</summary>
    public double[] FetchLayer(DeviceMemory memory, ReserveArea area)
    {
        double[] dense = new double[X.MaxLength * X.Batch * area.Width];
        for (int b = 0; b < X.Batch; b++)
        {
            double[] rows = new double[X.Lengths[b] * area.Width];
            Fetch(memory, area, rows, 0, b);
            Scatter(rows, dense, area.Width, 0, area.Width, 0, b);
        }
        return dense;
    }

    /// <summary>What a pseudo-layer's steps began with: the first state, then the outputs.</summary>
    public double[] StatesBefore(double[] output, double[] first, int pseudoLayer, int b)
    {
        int state = Net.State;
        int direction = pseudoLayer % Net.Directions;
        double[] after = Gather(output, Net.OutputSize, direction * state, state, pseudoLayer, b);
        double[] before = new double[after.Length];
        if (before.Length == 0)
            return before;
        first.CopyTo(before, 0);
        after.AsSpan(0, after.Length - state).CopyTo(before.AsSpan(state));
        return before;
    }

    /// <summary>One sequence's state of one pseudo-layer.</summary>
    public double[] StateOf(double[] states, int width, int pseudoLayer, int b) =>
        states.AsSpan((pseudoLayer * X.Batch + b) * width, width).ToArray();

    /// <summary>Puts it in.</summary>
    public void SetState(double[] states, double[] state, int pseudoLayer, int b) =>
        state.CopyTo(states, (pseudoLayer * X.Batch + b) * state.Length);
}
