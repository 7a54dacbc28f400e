using System.Diagnostics;
using Sequor.Layers;
using Sequor.Layers.Cpu;

namespace Sequor.Workloads;

/// <summary>
/// One step of a stream of one sequence: values in, the step, values out. The model has an output at every step, whatever the task asks for,
/// and the inputs are those of a sequence of the task, over and over.
/// </summary>
public sealed class StreamStep : IDisposable
{
    private readonly List<IDisposable> _owned = [];
    private readonly Plan _plan;
    private readonly float[] _inputs;
    private readonly float[] _output;
    private readonly int _width;
    private int _at;

    /// <summary>Takes all memory that the step needs.</summary>
    /// <param name="workload">What streams; its batch is not read.</param>
    /// <param name="backend">Where; it is disposed with the step.</param>
    /// <param name="seed">Of parameters and inputs.</param>
    /// <exception cref="NotSupportedException">The model cannot stream; the message says why.</exception>
    public StreamStep(Workload workload, Backend backend, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(workload);
        ArgumentNullException.ThrowIfNull(backend);
        Workload = workload;
        Backend = Own(backend);
        try
        {
            ModelEnds ends = ModelEnds.Of(workload.Task) with { OneOutput = false };
            Sequential model = Own(workload.Architecture.Create(ends, workload.Sizes));
            _plan = Own(model.Plan(backend, 1, 1, Mode.Streaming, new PlanOptions { Seed = seed }));
            var batch = new SequenceBatch(workload.Task, 1);
            batch.Load(workload.Task.Stream(seed), 0, 1);
            _inputs = batch.X.ToArray();
            _width = model.InputSize;
            _output = new float[model.OutputSize];
            WeightBytes = sizeof(float) * (model.ParameterCount - Unread(model));
            StateBytes = sizeof(float) * Touched(model);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What streams.</summary>
    public Workload Workload { get; }

    /// <summary>Where it runs.</summary>
    public Backend Backend { get; }

    /// <summary>Bytes of the trained values that a step reads: each once, and of an embedding one row.</summary>
    public long WeightBytes { get; }

    /// <summary>
    /// Bytes of the states that a step reads and writes: a recurrence's each once and once, of a convolution's a row for each tap and the
    /// new one.
    /// </summary>
    public long StateBytes { get; }

    /// <summary>How often something that depends on parameters alone was prepared so far.</summary>
    public long Preparations => (Backend as CpuBackend)?.Preparations ?? 0;

    /// <summary>One step.</summary>
    /// <returns>Ticks of <see cref="Stopwatch"/>.</returns>
    public long Run()
    {
        long begin = Stopwatch.GetTimestamp();
        _plan.Forward(_inputs.AsSpan(_at, _width), 1, 1).Read(_output);
        long end = Stopwatch.GetTimestamp();
        _at += _width;
        if (_at == _inputs.Length)
            _at = 0;
        return end - begin;
    }

    // The rows of embeddings that are no step's, unless they are the weights of an output layer too.
    private static long Unread(Layer model)
    {
        Layer[] all = [.. All(model)];
        return all.OfType<Embedding>()
            .Where(e => !all.OfType<TiedLinear>().Any(tied => tied.Embedding == e))
            .Sum(e => (e.Count - 1L) * e.OutputSize);
    }

    // States are named by their layers; the two of a convolutional block are rings of its two filters' inputs.
    private long Touched(Layer model)
    {
        Dictionary<string, Layer> layers = new(Named(model, ""));
        long touched = 0;
        foreach ((string name, Tensor state) in _plan.CarriedStates)
        {
            int dot = name.LastIndexOf('.');
            touched += layers[dot < 0 ? "" : name[..dot]] switch
            {
                TcnBlock block => (block.Kernel + 1L)
                    * (name.EndsWith('0') ? block.InputSize : block.OutputSize),
                S4D layer => 4L * layer.StateSize * layer.InputSize,
                Dss layer => 4L * layer.StateSize * layer.InputSize,
                _ => 2 * state.Count,
            };
        }
        return touched;
    }

    private static IEnumerable<KeyValuePair<string, Layer>> Named(Layer layer, string name) =>
        layer
            .Children.SelectMany(child =>
                Named(child.Layer, name.Length == 0 ? child.Name : $"{name}.{child.Name}")
            )
            .Prepend(new(name, layer));

    private static IEnumerable<Layer> All(Layer layer) =>
        layer.Children.SelectMany(child => All(child.Layer)).Prepend(layer);

    private T Own<T>(T owned)
        where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    /// <summary>Frees the memory and the backend.</summary>
    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--)
            _owned[i].Dispose();
        _owned.Clear();
    }
}
