namespace Sequor.Layers.Cpu;

// Packs weights for the products of the forward and the backward pass.
internal sealed unsafe partial class CpuRecurrent
{
    private void PackForward(int layer, int direction)
    {
        _backend.Preparations++;
        ref readonly Place p = ref PlaceOf(layer, direction);
        int h = _hidden;
        float* hidden = _call.Parameters + p.WeightHh;
        if (Joins)
        {
            JoinedWeights(p).Fill(InputRows(p), 1, p.Inputs, 0, p.Inputs);
            JoinedWeights(p).Fill(hidden, 1, _state, p.Inputs, _state);
        }
        else
        {
            InputWeights(p).Fill(InputRows(p), 1, p.Inputs, 0, p.Inputs);
            HiddenWeights(p).Fill(hidden, 1, _state, 0, _state);
        }
        if (Projects)
            ProjectionWeights(p).Fill(_call.Parameters + p.WeightHr, 1, h, 0, h);
        PackBias(p);
    }

    private void PackBias(in Place p)
    {
        int h = _hidden;
        float* bias = _call.Workspace + p.Bias;
        for (int i = 0; i < _gateColumns; i++)
        {
            float input = p.BiasIh < 0 ? 0f : _call.Parameters[p.BiasIh + i];
            float hidden = p.BiasHh < 0 ? 0f : _call.Parameters[p.BiasHh + i];
            if (_d.Kind != RecurrentKind.Gru)
            {
                bias[i] = input + hidden;
            }
            else if (i < 2 * h)
            {
                bias[h + i] = input + hidden;
            }
            else
            {
                bias[i - 2 * h] = input;
                bias[h + i] = hidden;
            }
        }
    }

    private void PackBackward(int layer, int direction)
    {
        ref readonly Place p = ref PlaceOf(layer, direction);
        PackHiddenBack(p);
        if (Projects)
            ProjectionWeightsBack(p).Fill(_call.Parameters + p.WeightHr, _hidden, 1, 0, _state);
        if (layer > 0 || _call.UserDx != null)
            InputWeightsBack(p).Fill(InputRows(p), p.Inputs, 1, 0, _gateColumns);
    }

    // The last columns lie in the place of their panel, which is wider.
    private void PackHiddenBack(in Place p)
    {
        int panels = _state - _backDots;
        Packed weights = HiddenWeightsBack(p);
        float* hidden = _call.Parameters + p.WeightHh;
        weights.Fill(hidden, _state, 1, 0, _gateColumns, 0, panels);
        float* column = weights.Panel(panels);
        for (int n = 0; n < _backDots; n++)
        for (int k = 0; k < _gateColumns; k++)
            *column++ = hidden[(nint)k * _state + panels + n];
    }

    // The rows of weight_ih in the order of a row of gates, which for a GRU is new, reset, update.
    private float* InputRows(in Place p)
    {
        float* weights = _call.Parameters + p.WeightIh;
        if (_d.Kind != RecurrentKind.Gru)
            return weights;
        long block = (long)_hidden * p.Inputs;
        float* permuted = _call.Workspace + _permuted;
        Copy(weights + 2 * block, permuted, block);
        Copy(weights, permuted + block, 2 * block);
        return permuted;
    }

    private Packed InputWeights(in Place p) =>
        new(_call.Workspace + p.InputWeights, p.Inputs, _gateColumns, _backend.Lanes);

    private Packed HiddenWeights(in Place p) =>
        new(_call.Workspace + p.HiddenWeights, _state, _gateColumns, _backend.Lanes);

    private Packed InputWeightsBack(in Place p) =>
        new(_call.Workspace + p.InputWeightsBack, _gateColumns, p.Inputs, _backend.Lanes);

    private Packed HiddenWeightsBack(in Place p) =>
        new(_call.Workspace + p.HiddenWeightsBack, _gateColumns, _state, _backend.Lanes);
}
