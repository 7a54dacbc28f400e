using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>The value of an attribute: its elements' bytes, or the descriptors that it refers to.</summary>
internal sealed record AttributeValue(
    cudnnBackendAttributeType_t Type,
    long Count,
    byte[] Bytes,
    BackendDescriptor[] Descriptors
);

/// <summary>
/// A descriptor of the graph API. Once final it does not change, so that those that refer to it need it no more than
/// cuDNN's do: its handle can be destroyed.
/// </summary>
internal sealed class BackendDescriptor(cudnnBackendDescriptorType_t type) : ICuDnnObject
{
    private readonly Dictionary<cudnnBackendAttributeName_t, AttributeValue> _values = [];

    public static string Kind => "cuDNN backend descriptor";

    public cudnnBackendDescriptorType_t Type => type;
    public bool IsFinal { get; set; }

    /// <summary>Of an operation graph, what it computes; set when it becomes final.</summary>
    public ConvolutionGraph? Graph { get; set; }

    /// <summary>Of an engine and what is made from it; set when it becomes final.</summary>
    public ConvolutionEngine? Engine { get; set; }

    public AttributeValue? this[cudnnBackendAttributeName_t name]
    {
        get => _values.GetValueOrDefault(name);
        set => _values[name] = value!;
    }

    /// <summary>Takes over what another is.</summary>
    public void Become(BackendDescriptor other)
    {
        _values.Clear();
        foreach ((cudnnBackendAttributeName_t name, AttributeValue value) in other._values)
            _values.Add(name, value);
        (IsFinal, Graph, Engine) = (other.IsFinal, other.Graph, other.Engine);
    }

    /// <summary>Sets a reference, as cuDNN itself does in what it hands out.</summary>
    public void Refer(cudnnBackendAttributeName_t name, BackendDescriptor to) =>
        this[name] = new(cudnnBackendAttributeType_t.CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, [], [to]);

    /// <summary>Sets a number.</summary>
    public void Set(cudnnBackendAttributeName_t name, long value) =>
        this[name] = new(
            cudnnBackendAttributeType_t.CUDNN_TYPE_INT64,
            1,
            MemoryMarshal.AsBytes(new ReadOnlySpan<long>(in value)).ToArray(),
            []
        );

    public long[] Numbers(cudnnBackendAttributeName_t name) => Elements<long>(name);

    public long Number(cudnnBackendAttributeName_t name, long otherwise = 0) =>
        this[name] is null ? otherwise : Numbers(name)[0];

    public int Enumeration(cudnnBackendAttributeName_t name, int otherwise = 0) =>
        this[name] is null ? otherwise : Elements<int>(name)[0];

    public bool Boolean(cudnnBackendAttributeName_t name) =>
        this[name] is not null && Elements<byte>(name)[0] != 0;

    public nint[] Addresses(cudnnBackendAttributeName_t name) => Elements<nint>(name);

    public double Factor(cudnnBackendAttributeName_t name) =>
        this[name]!.Type == cudnnBackendAttributeType_t.CUDNN_TYPE_FLOAT
            ? Elements<float>(name)[0]
            : Elements<double>(name)[0];

    public BackendDescriptor Descriptor(cudnnBackendAttributeName_t name) =>
        this[name]!.Descriptors[0];

    private T[] Elements<T>(cudnnBackendAttributeName_t name)
        where T : unmanaged =>
        this[name] is { } value ? MemoryMarshal.Cast<byte, T>(value.Bytes).ToArray() : [];
}
