using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Sequor.Peers;

/// <summary>
/// Builds an ONNX model. The numbers of fields and types are those of onnx.proto, version 8 of the format, the operators those of version
/// 17 of the default set.
/// </summary>
internal sealed class OnnxGraph
{
    private const int FormatVersion = 8;
    private const int OperatorSet = 17;
    private const int Float = 1;
    private const int Int64 = 7;
    private const int AttributeInt = 2;
    private const int AttributeInts = 7;

    private readonly ProtobufWriter _graph = new();
    private int _made;

    public OnnxGraph() => _graph.Text(2, "sequor");

    /// <summary>Adds an input of floats.</summary>
    /// <returns>Its name.</returns>
    public string Input(string name, params ReadOnlySpan<long> shape) => Value(11, name, shape);

    /// <summary>Says that a value is an output.</summary>
    public void Output(string name, params ReadOnlySpan<long> shape) => Value(12, name, shape);

    /// <summary>Adds weights of a shape, in row-major order.</summary>
    /// <returns>Their name.</returns>
    public string Weights(float[] values, params ReadOnlySpan<long> shape)
    {
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException(
                "ONNX's bytes are little-endian, and this machine's are not."
            );
        return Tensor(Float, MemoryMarshal.AsBytes<float>(values), shape);
    }

    /// <summary>Adds whole numbers, such as axes: a vector of them.</summary>
    /// <returns>Their name.</returns>
    public string Vector(params ReadOnlySpan<long> values) => Wholes(values, [values.Length]);

    /// <summary>Adds a whole number without a dimension.</summary>
    /// <returns>Its name.</returns>
    public string Scalar(long value) => Wholes([value], []);

    /// <summary>Adds an operation with one output.</summary>
    /// <returns>The output's name.</returns>
    public string Node(
        string operation,
        ReadOnlySpan<string> inputs,
        params ReadOnlySpan<(string Name, long[] Values)> attributes
    )
    {
        string output = Next();
        Node(operation, inputs, [output], attributes);
        return output;
    }

    /// <summary>Adds an operation; what it has and is not wanted is named "".</summary>
    /// <param name="operation">Of the default set.</param>
    /// <param name="inputs">Names of inputs, in the operation's order.</param>
    /// <param name="outputs">Names of outputs, in the operation's order.</param>
    /// <param name="attributes">Those with one value are whole numbers, others lists of them; of one as a list the name ends with [].</param>
    public void Node(
        string operation,
        ReadOnlySpan<string> inputs,
        ReadOnlySpan<string> outputs,
        params ReadOnlySpan<(string Name, long[] Values)> attributes
    )
    {
        var node = new ProtobufWriter();
        foreach (string input in inputs)
            node.Text(1, input);
        foreach (string output in outputs)
            node.Text(2, output);
        node.Text(4, operation);
        foreach ((string name, long[] values) in attributes)
            node.Message(5, attribute => Attribute(attribute, name, values));
        _graph.Bytes(1, node.Written);
    }

    /// <summary>A name that no other value has.</summary>
    public string Next() => $"v{_made++}";

    /// <summary>The model as the bytes of a file.</summary>
    public byte[] ToModel()
    {
        var model = new ProtobufWriter();
        model.Whole(1, FormatVersion);
        model.Text(2, "sequor");
        model.Bytes(7, _graph.Written);
        model.Message(8, set => set.Whole(2, OperatorSet));
        return model.Written.ToArray();
    }

    private static void Attribute(ProtobufWriter attribute, string name, long[] values)
    {
        bool isList = name.EndsWith("[]", StringComparison.Ordinal);
        attribute.Text(1, isList ? name[..^2] : name);
        if (isList)
        {
            foreach (long value in values)
                attribute.Whole(8, value);
        }
        else
        {
            attribute.Whole(3, values.Single());
        }
        attribute.Whole(20, isList ? AttributeInts : AttributeInt);
    }

    private string Value(int field, string name, ReadOnlySpan<long> shape)
    {
        var dimensions = new ProtobufWriter();
        foreach (long size in shape)
            dimensions.Message(1, dimension => dimension.Whole(1, size));
        var tensor = new ProtobufWriter();
        tensor.Whole(1, Float);
        tensor.Bytes(2, dimensions.Written);
        var value = new ProtobufWriter();
        value.Text(1, name);
        value.Message(2, type => type.Bytes(1, tensor.Written));
        _graph.Bytes(field, value.Written);
        return name;
    }

    private string Wholes(ReadOnlySpan<long> values, ReadOnlySpan<long> shape)
    {
        byte[] bytes = new byte[values.Length * sizeof(long)];
        for (int i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * sizeof(long)), values[i]);
        return Tensor(Int64, bytes, shape);
    }

    private string Tensor(int type, ReadOnlySpan<byte> bytes, ReadOnlySpan<long> shape)
    {
        string name = Next();
        var tensor = new ProtobufWriter();
        foreach (long size in shape)
            tensor.Whole(1, size);
        tensor.Whole(2, type);
        tensor.Text(8, name);
        tensor.Bytes(9, bytes);
        _graph.Bytes(5, tensor.Written);
        return name;
    }
}
