using Microsoft.ML.OnnxRuntime;

namespace Sequor.Peers;

/// <summary>A model that is loaded, and what is owned along with it.</summary>
internal sealed class OnnxSession : IDisposable
{
    private readonly List<IDisposable> _owned = [];
    private readonly InferenceSession _session;
    private readonly RunOptions _options;

    public OnnxSession(byte[] model, int threads)
    {
        using var options = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
        };
        _session = Own(new InferenceSession(model, options));
        _options = Own(new RunOptions());
    }

    /// <summary>Floats of a shape, which lie where they are: the model reads and writes them there.</summary>
    public (float[] Values, OrtValue Value) Place(params long[] shape)
    {
        float[] values = new float[shape.Aggregate(1L, (count, size) => checked(count * size))];
        return (values, Own(OrtValue.CreateTensorValueFromMemory(values, shape)));
    }

    /// <summary>What the model reads and writes, said once for many steps.</summary>
    public OrtIoBinding Bind(
        IEnumerable<(string Name, OrtValue Value)> inputs,
        IEnumerable<(string Name, OrtValue Value)> outputs
    )
    {
        OrtIoBinding binding = Own(_session.CreateIoBinding());
        foreach ((string name, OrtValue value) in inputs)
            binding.BindInput(name, value);
        foreach ((string name, OrtValue value) in outputs)
            binding.BindOutput(name, value);
        return binding;
    }

    public void Run(OrtIoBinding binding) => _session.RunWithBinding(_options, binding);

    private T Own<T>(T owned)
        where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--)
            _owned[i].Dispose();
        _owned.Clear();
    }
}
