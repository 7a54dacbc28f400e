using System.Runtime.CompilerServices;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Layers;

/// <summary>
/// Tells the profiler that listens to this process what a backend does: a range for each step, and within it for each pass, layer and
/// operation, in NVTX's domain "Sequor". Texts are registered when they are first met; after that a range allocates nothing.
/// </summary>
/// <remarks>
/// A step is a range of the process, since a caller's step may end on another thread than it began on. What is within one call of the
/// library is pushed and popped.
/// </remarks>
internal sealed class NvtxRanges : StepProbe
{
    /// <summary>The domain's name.</summary>
    public const string DomainName = "Sequor";

    // Shapes differ without end where lengths do, and a tool keeps a registered text for ever.
    private const int MostTexts = 1 << 12;

    private static readonly Lock Making = new();
    private static (NvtxInjection Tool, NvtxDomain? Domain)? s_shared;
    private static string? s_told;

    private readonly NvtxDomain _domain;
    private readonly Look[] _looks;
    private readonly NvtxEvent _step;
    private readonly ConditionalWeakTable<object, Events> _layers = [];
    private readonly Dictionary<(Type Type, ProfilePass Pass), NvtxEvent> _passes = [];
    private readonly Dictionary<int, OperationText> _operations = [];
    private NvtxRange _open;
    private ProfilePass _pass = ProfilePass.Other;
    private int _depth;
    private int _texts;
    private long _steps;

    private NvtxRanges(NvtxDomain domain)
    {
        _domain = domain;
        _step = domain.Event("step", domain.Category("step"), 0xFF9E9E9E);
        _looks =
        [
            .. Enum.GetValues<ProfilePass>()
                .Select(pass => new Look(domain.Category(Name(pass)), Color(pass))),
        ];
    }

    /// <summary>Those of a backend, in the domain that all backends of the process share; null where no profiler listens.</summary>
    /// <param name="tell">Given a line, once in the process, where a profiler was to listen and cannot.</param>
    public static NvtxRanges? Create(Action<string>? tell = null)
    {
        if (NvtxInjection.Shared is not { } tool)
        {
            if (
                tell is not null
                && NvtxDomain.Failure is { } why
                && Interlocked.Exchange(ref s_told, why) != why
            )
                tell($"no ranges for a profiler: {why}");
            return null;
        }
        lock (Making)
        {
            if (s_shared?.Tool != tool)
                s_shared = (tool, NvtxDomain.Create(DomainName, tool));
            return s_shared?.Domain is { } domain ? new NvtxRanges(domain) : null;
        }
    }

    /// <summary>Gives the stream of a backend a name in the tool.</summary>
    public void NameStream(CudaStream stream, string name) => _domain.NameStream(stream, name);

    /// <inheritdoc/>
    public override void BeginStep()
    {
        // A caller's step may have one of a StepGraph within it.
        if (_depth++ == 0)
            _open = _domain.Start(_step.With(++_steps));
    }

    /// <inheritdoc/>
    public override void EndStep()
    {
        if (--_depth > 0)
            return;
        _domain.End(_open);
        _open = default;
    }

    /// <inheritdoc/>
    public override void BeginPass(ProfilePass pass, object of)
    {
        _pass = pass;
        // A plan says no more than its pass; of losses and optimizers there are several.
        Type type = of is Plan ? typeof(Plan) : of.GetType();
        if (!_passes.TryGetValue((type, pass), out NvtxEvent range))
        {
            string name = of is Plan ? Name(pass) : $"{Name(pass)} {type.Name}";
            _passes.Add((type, pass), range = Make(name, pass));
        }
        _domain.Push(range);
    }

    /// <inheritdoc/>
    public override void EndPass()
    {
        _pass = ProfilePass.Other;
        _domain.Pop();
    }

    /// <inheritdoc/>
    public override void BeginLayer(PlannedLayer layer, ProfilePass pass)
    {
        if (!_layers.TryGetValue(layer, out Events? events))
        {
            string name = layer.Name.Length > 0 ? $"{layer.Name} {layer.Kind}" : layer.Kind;
            events = new Events(Make(name, ProfilePass.Forward), Make(name, ProfilePass.Backward));
            _layers.Add(layer, events);
        }
        _domain.Push(pass == ProfilePass.Backward ? events.Backward : events.Forward);
    }

    /// <inheritdoc/>
    public override void EndLayer() => _domain.Pop();

    /// <inheritdoc/>
    public override void BeginOperation(OperationReport operation)
    {
        NvtxEvent range = Find(operation);
        _domain.Push(operation.BytesMoved is { } bytes ? range.With(bytes) : range);
    }

    /// <inheritdoc/>
    public override void EndOperation(OperationReport operation) => _domain.Pop();

    private NvtxEvent Find(OperationReport operation)
    {
        int hash = OperationText.Hash(operation, _pass);
        _operations.TryGetValue(hash, out OperationText? first);
        for (OperationText? text = first; text is not null; text = text.Next)
        {
            if (text.IsOf(operation, _pass))
                return text.Event;
        }
        if (_texts >= MostTexts)
            return Make(operation.Name.Text, _pass);
        _texts++;
        string shapes = Operand.ShapesOf(operation.Operands);
        string name = shapes.Length > 0 ? $"{operation.Name} {shapes}" : operation.Name.Text;
        var made = new OperationText(operation, _pass, Make(name, _pass), first);
        _operations[hash] = made;
        return made.Event;
    }

    private NvtxEvent Make(string text, ProfilePass pass) =>
        _domain.Event(text, _looks[(int)pass].Category, _looks[(int)pass].Color);

    private static string Name(ProfilePass pass) =>
        pass switch
        {
            ProfilePass.Forward => "forward",
            ProfilePass.Loss => "loss",
            ProfilePass.Backward => "backward",
            ProfilePass.Update => "update",
            ProfilePass.Copy => "copy",
            _ => "other",
        };

    private static uint Color(ProfilePass pass) =>
        pass switch
        {
            ProfilePass.Forward => 0xFF4C78A8,
            ProfilePass.Loss => 0xFFEECA3B,
            ProfilePass.Backward => 0xFFF58518,
            ProfilePass.Update => 0xFF54A24B,
            ProfilePass.Copy => 0xFFB279A2,
            _ => 0xFF9E9E9E,
        };

    private readonly record struct Look(uint Category, uint Color);

    private sealed class Events(NvtxEvent forward, NvtxEvent backward)
    {
        public NvtxEvent Forward { get; } = forward;

        public NvtxEvent Backward { get; } = backward;
    }

    /// <summary>The event of an operation with certain shapes in a certain pass, in a chain of those with the same hash.</summary>
    private sealed class OperationText(
        OperationReport operation,
        ProfilePass pass,
        NvtxEvent range,
        NvtxRanges.OperationText? next
    )
    {
        private readonly OperationName _name = operation.Name;
        private readonly (Shape Shape, OperandUse Use)[] _operands =
        [
            .. operation.Operands.ToArray().Select(o => (o.Shape, o.Use)),
        ];

        public NvtxEvent Event { get; } = range;

        public OperationText? Next { get; } = next;

        public bool IsOf(OperationReport other, ProfilePass otherPass)
        {
            ReadOnlySpan<Operand> operands = other.Operands;
            if (other.Name != _name || otherPass != pass || operands.Length != _operands.Length)
                return false;
            for (int i = 0; i < operands.Length; i++)
            {
                if (operands[i].Shape != _operands[i].Shape || operands[i].Use != _operands[i].Use)
                    return false;
            }
            return true;
        }

        public static int Hash(OperationReport operation, ProfilePass pass)
        {
            var hash = default(HashCode);
            hash.Add(operation.Name.Id);
            hash.Add((int)pass);
            foreach (ref readonly Operand operand in operation.Operands)
            {
                hash.Add(operand.Shape);
                hash.Add((int)operand.Use);
            }
            return hash.ToHashCode();
        }
    }
}
