using Microsoft.ML.OnnxRuntime;

namespace Sequor.Peers;

/// <summary>
/// A TCN's stream. Each convolution has a ring of what went into it, as far back as it looks, from which a step copies the rows of its taps
/// alone: a model that carried whole rings as inputs and outputs would copy all of them at each step.
/// </summary>
internal sealed class TcnStream : StreamStep
{
    private const int PastTaps = PeerSettings.Kernel - 1;

    private readonly OrtIoBinding _binding;
    private readonly Ring[] _rings;
    private long _step;

    /// <param name="model">Inputs are x and the past of each convolution, outputs y and what goes into each but the first.</param>
    /// <param name="now">The names of what goes into the convolutions.</param>
    /// <param name="parameters">Values of the weights.</param>
    /// <param name="settings">The sizes.</param>
    public TcnStream(
        byte[] model,
        IReadOnlyList<string> now,
        long parameters,
        PeerSettings settings
    )
        : base(model, [1, PeerSettings.Inputs], parameters, settings)
    {
        var inputs = new List<(string, OrtValue)> { ("x", X) };
        var outputs = new List<(string, OrtValue)> { ("y", Y) };
        _rings = new Ring[now.Count];
        for (int i = 0; i < _rings.Length; i++)
        {
            int width = i == 0 ? PeerSettings.Inputs : settings.Hidden;
            (float[] past, OrtValue pastValue) = Session.Place(PastTaps, width);
            inputs.Add((Past(i), pastValue));
            float[] newest = [];
            if (i > 0)
            {
                (newest, OrtValue newestValue) = Session.Place(1, width);
                outputs.Add((now[i], newestValue));
            }
            _rings[i] = new Ring(width, 1 << (i / 2), past, newest);
        }
        _binding = Session.Bind(inputs, outputs);
    }

    /// <summary>The name of the input for what went into a convolution before, the oldest tap first.</summary>
    public static string Past(int convolution) => $"past{convolution}";

    protected override void Advance(ReadOnlySpan<float> x)
    {
        foreach (Ring ring in _rings)
            ring.Load(_step);
        Session.Run(_binding);
        for (int i = 0; i < _rings.Length; i++)
            _rings[i].Store(_step, i == 0 ? x : _rings[i].Newest);
        _step++;
    }

    /// <summary>What went into a convolution in the last 7 d steps, a row each.</summary>
    private sealed class Ring(int width, int dilation, float[] past, float[] newest)
    {
        private readonly float[] _rows = new float[checked(PastTaps * dilation * width)];

        public ReadOnlySpan<float> Newest => newest;

        // The slot of step t holds step t - 7 d until it is overwritten.
        public void Load(long step)
        {
            for (int tap = 0; tap < PastTaps; tap++)
                Row(step + ((long)tap * dilation)).CopyTo(past.AsSpan(tap * width));
        }

        public void Store(long step, ReadOnlySpan<float> row) => row.CopyTo(Row(step));

        private Span<float> Row(long step) =>
            _rows.AsSpan((int)(step % (PastTaps * dilation)) * width, width);
    }
}
