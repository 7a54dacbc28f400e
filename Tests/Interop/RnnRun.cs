using Sequor.Interop;
using Sequor.Native;
using Sequor.Reference;

namespace Sequor.Tests.Interop;

/// <summary>A recurrent net on the device with all its memory, and the same net for the naive forward.</summary>
internal sealed class RnnRun : IDisposable
{
    private readonly List<IDisposable> _made = [];
    private readonly CudaContext _context;
    private readonly CudaStream _stream;
    private readonly IReadOnlyList<RnnWeight> _weights;
    private readonly float[] _values;

    public RnnRun(CuDnnHandle handle, RnnSettings settings, int steps, params int[] lengths)
    {
        Settings = settings;
        Steps = steps;
        Batch = lengths.Length;
        _context = handle.Context;
        _stream = handle.Stream;
        try
        {
            Net = Keep(RnnDescriptor.Create(handle, settings));
            Calls = Keep(CuDnnRnn<float>.Create(handle, Net));
            Calls.SetShape(
                cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED,
                steps,
                lengths
            );
            _weights = Net.Weights(handle);
            _values = Numbers(Calls.WeightCount, 1);
            Tensors = new()
            {
                X = New(Numbers(Calls.X.ElementCount, 2)),
                Y = New(Calls.Y.ElementCount),
                Dy = New(Numbers(Calls.Y.ElementCount, 3)),
                Dx = New(Calls.X.ElementCount),
                Weights = New(_values),
                WeightGradients = New(new float[Calls.WeightCount]),
                Workspace = Bytes(Calls.WorkspaceBytes(training: true)),
                Reserve = Bytes(Calls.ReserveBytes),
            };
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public RnnSettings Settings { get; }
    public int Steps { get; }
    public int Batch { get; }
    public RnnDescriptor Net { get; }
    public CuDnnRnn<float> Calls { get; }
    public RnnTensors<float> Tensors { get; set; }

    public float[] Read(DeviceSpan<float> span) => span.ToArray(_stream);

    /// <summary>The naive forward, with weights and input that may differ from the device's.</summary>
    public double[] Expected(float[]? weights = null, float[]? x = null)
    {
        RecurrentKind kind = Settings.Mode switch
        {
            cudnnRNNMode_t.CUDNN_LSTM => RecurrentKind.Lstm,
            cudnnRNNMode_t.CUDNN_GRU => RecurrentKind.Gru,
            _ => RecurrentKind.Tanh,
        };
        float[] values = weights ?? _values;
        var layers = Enumerable
            .Range(0, Settings.Layers)
            .Select(layer => new RecurrentLayer(
                layer == 0 ? Settings.InputSize : Settings.HiddenSize,
                Settings.HiddenSize,
                Part(values, layer, recurrent: false, bias: false),
                Part(values, layer, recurrent: true, bias: false),
                Part(values, layer, recurrent: false, bias: true),
                Part(values, layer, recurrent: true, bias: true)
            ));
        double[] input = [.. (x ?? Read(Tensors.X)).Select(v => (double)v)];
        return Recurrent.Forward(kind, [.. layers], input, Steps, Batch).Y;
    }

    public float[] Weights() => [.. _values];

    /// <summary>An element that is a weight, not a gap.</summary>
    public IEnumerable<long> Used() =>
        _weights.SelectMany(w => Enumerable.Range(0, (int)w.Count).Select(i => w.Offset + i));

    public static float[] Numbers(long count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, (int)count).Select(_ => random.NextSingle() - 0.5f)];
    }

    public void Dispose()
    {
        foreach (IDisposable item in _made)
            item.Dispose();
    }

    private double[] Part(float[] values, int layer, bool recurrent, bool bias)
    {
        int first = recurrent ? Settings.Gates : 0;
        return
        [
            .. _weights
                .Where(w =>
                    w.PseudoLayer == layer
                    && w.IsBias == bias
                    && w.LinearLayer >= first
                    && w.LinearLayer < first + Settings.Gates
                )
                .OrderBy(w => w.LinearLayer)
                .SelectMany(w => values.AsSpan((int)w.Offset, (int)w.Count).ToArray())
                .Select(v => (double)v),
        ];
    }

    private DeviceSpan<float> New(float[] values)
    {
        DeviceSpan<float> span = New(values.Length);
        span.CopyFrom(values, _stream);
        return span;
    }

    private DeviceSpan<float> New(long count) => Keep(_context.Allocate<float>(count));

    private DeviceSpan<byte> Bytes(long count) => Keep(_context.Allocate<byte>(Math.Max(1, count)));

    private T Keep<T>(T item)
        where T : IDisposable
    {
        _made.Add(item);
        return item;
    }
}
