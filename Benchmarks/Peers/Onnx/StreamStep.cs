using Microsoft.ML.OnnxRuntime;

namespace Sequor.Peers;

/// <summary>One step of one sequence: values in, the model, values out, with what it carries on to the next.</summary>
internal abstract class StreamStep : PeerStep
{
    private const int Length = 600;

    private readonly float[] _inputs = new float[Length * PeerSettings.Inputs];
    private readonly float[] _x;
    private readonly float[] _y;
    private int _at;

    protected StreamStep(byte[] model, long[] shapeOfX, long parameters, PeerSettings settings)
    {
        Parameters = parameters;
        RandomInput.Fill(_inputs, settings.Seed);
        Session = new OnnxSession(model, settings.Threads);
        (_x, X) = Session.Place(shapeOfX);
        (_y, Y) = Session.Place(1, PeerSettings.Outputs);
    }

    public override long Parameters { get; }

    /// <summary>The sequence that goes in, over and over: [T, 2].</summary>
    public ReadOnlySpan<float> Inputs => _inputs;

    /// <summary>What the step before came to.</summary>
    public float Answer { get; private set; }

    protected OnnxSession Session { get; }

    protected OrtValue X { get; }

    protected OrtValue Y { get; }

    public override void Run()
    {
        _inputs.AsSpan(_at, PeerSettings.Inputs).CopyTo(_x);
        _at += PeerSettings.Inputs;
        if (_at == _inputs.Length)
            _at = 0;
        Advance(_x);
        Answer = _y[0];
    }

    /// <summary>Runs the model, from the states that the step before left, which it then replaces.</summary>
    /// <param name="x">What the session's x holds.</param>
    protected abstract void Advance(ReadOnlySpan<float> x);

    public override void Dispose() => Session.Dispose();
}

/// <summary>A recurrent network's stream: what one step wrote the next one reads.</summary>
internal sealed class RecurrentStream : StreamStep
{
    private readonly OrtIoBinding[] _bindings;
    private int _next;

    public RecurrentStream(
        byte[] model,
        IReadOnlyList<string> states,
        long parameters,
        PeerSettings settings
    )
        : base(model, [1, 1, PeerSettings.Inputs], parameters, settings)
    {
        (string Name, OrtValue Even, OrtValue Odd)[] places =
        [
            .. states.Select(name => (name, Place(settings), Place(settings))),
        ];
        _bindings =
        [
            Session.Bind(
                places.Select(p => (p.Name, p.Even)).Prepend(("x", X)),
                places.Select(p => (After(p.Name), p.Odd)).Prepend(("y", Y))
            ),
            Session.Bind(
                places.Select(p => (p.Name, p.Odd)).Prepend(("x", X)),
                places.Select(p => (After(p.Name), p.Even)).Prepend(("y", Y))
            ),
        ];
    }

    /// <summary>The name of the output that takes a state's place.</summary>
    public static string After(string state) => $"{state}-after";

    protected override void Advance(ReadOnlySpan<float> x)
    {
        Session.Run(_bindings[_next]);
        _next = 1 - _next;
    }

    private OrtValue Place(PeerSettings settings) => Session.Place(1, 1, settings.Hidden).Value;
}
