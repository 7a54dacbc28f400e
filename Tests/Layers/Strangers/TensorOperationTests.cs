using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Strangers;

/// <summary>Operations say of arguments that do not fit what was given and what is allowed, and change nothing.</summary>
[TestFixture]
public sealed class TensorOperationTests
{
    private readonly List<Storage> _storages = [];
    private Backend _backend = null!;
    private TensorOperations _operations = null!;
    private Tensor _block;

    [SetUp]
    public void Begin()
    {
        _backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        _operations = new TensorOperations(_backend);
        _block = New(new Shape(100));
    }

    [TearDown]
    public void End()
    {
        _storages.ForEach(storage => storage.Dispose());
        _storages.Clear();
        _backend.Dispose();
    }

    private Tensor New(Shape shape)
    {
        Tensor tensor = _backend.Allocate(shape, MemoryCategory.Workspace);
        _storages.Add(tensor.Storage);
        tensor.Write(new float[shape.Count]);
        return tensor;
    }

    private Tensor At(int from, Shape shape) => _block.Slice(from, 100 - from).View(shape);

    private static void Refused(Action action, params string[] words)
    {
        string message = Assert.Throws<ArgumentException>(() => action())!.Message;
        foreach (string word in words)
            Assert.That(message, Does.Contain(word));
    }

    [Test]
    public void Products_of_shapes_that_do_not_fit()
    {
        (Tensor a, Tensor b, Tensor c) = (
            New(new Shape(2, 3)),
            New(new Shape(4, 5)),
            New(new Shape(2, 5))
        );
        Refused(() => _operations.MatMul(a, b, c), "a [2, 3]", "b [4, 5]", "c [2, 5]");
        Refused(
            () => _operations.MatMul(a, b, c, transposeB: true),
            "b [4, 5] transposed",
            "a's columns must be b's rows"
        );
        Tensor fits = New(new Shape(3, 5));
        _operations.MatMul(a, fits, c);
        Refused(() => _operations.MatMul(a, fits, New(new Shape(5, 2))), "c [5, 2]");
        Refused(
            () => _operations.MatMul(a, New(new Shape(5, 2)), New(new Shape(3, 5)), true, true),
            "not both"
        );
        Tensor bias = New(new Shape(5));
        Refused(() => _operations.MatMul(a, fits, c, bias: New(new Shape(4))), "[4]", "5 values");
        Refused(
            () => _operations.MatMul(a, fits, c, accumulate: true, bias: bias),
            "bias only where"
        );
        Refused(
            () => _operations.MatMul(At(0, new(2, 3)), fits, At(4, new(2, 5))),
            "overlaps one that is read"
        );
    }

    [Test]
    public void Numbers_of_values_that_differ()
    {
        Tensor six = New(new Shape(2, 3));
        Tensor five = New(new Shape(5));
        Tensor three = New(new Shape(3));
        Tensor other = New(new Shape(2, 3));
        Refused(() => _operations.Add(six, five, six), "[5]", "6 values");
        Refused(() => _operations.Add(six, other, five), "[5]", "6 values");
        Refused(() => _operations.Copy(six, five), "[5]", "6 values");
        Refused(() => _operations.MultiplyAdd(six, five, other), "[5]", "3 values", "or 6");
        Refused(() => _operations.MultiplyAdd(six, three, five), "[5]", "6 values");
        Refused(() => _operations.ColumnSum(six, five), "[5]", "3 values");
        Refused(() => _operations.ColumnSum(six, three, five), "[5]", "6 values");
        Refused(() => _operations.MultiplyAddGelu(six, five, other, other), "[5]", "3 values");
        Refused(() => _operations.MultiplyAddGelu(six, three, five, other), "[5]", "6 values");
        Refused(() => _operations.MultiplyAddGelu(six, three, other, five), "[5]", "6 values");
        Refused(
            () => _operations.MultiplyAddGeluGradient(six, other, New(six.Shape), six, five),
            "[5]",
            "3 values"
        );
        Refused(
            () => _operations.MultiplyAddGeluGradient(six, five, other, six, three),
            "[5]",
            "6 values"
        );
    }

    [Test]
    public void Columns_that_are_not_there()
    {
        Tensor from = New(new Shape(2, 3));
        Tensor to = New(new Shape(2, 4));
        from.Write([1, 2, 3, 4, 5, 6]);
        _operations.CopyColumns(from, 1, to, 2, 2);
        Assert.That(to.ToArray(), Is.EqualTo(new float[] { 0, 0, 2, 3, 0, 0, 5, 6 }));
        Refused(() => _operations.CopyColumns(from, 2, to, 0, 2), "2 columns from 2", "[2, 3]");
        Refused(() => _operations.CopyColumns(from, 0, to, 3, 2), "2 columns from 3", "[2, 4]");
        Refused(() => _operations.CopyColumns(from, -1, to, 0, 2), "from -1");
        Refused(() => _operations.CopyColumns(from, 0, to, 0, 0), "0 columns");
        Refused(() => _operations.CopyColumns(from, 0, New(new Shape(3, 4)), 0, 1), "[3, 4]");
        Refused(() => _operations.CopyColumns(from, 0, from, 1, 1), "overlaps");
    }

    [Test]
    public void Places_that_overlap()
    {
        Tensor six = At(0, new(2, 3));
        Tensor near = At(2, new(2, 3));
        Tensor other = New(new Shape(2, 3));
        Tensor three = New(new Shape(3));
        _operations.Add(six, other, six);
        Refused(() => _operations.Add(six, other, near), "overlaps");
        Refused(() => _operations.MultiplyAdd(six, three, near), "overlaps");
        Refused(() => _operations.MultiplyAdd(other, At(2, new Shape(3)), six), "overlaps");
        Refused(() => _operations.MultiplyAddGelu(six, three, near, other), "overlaps");
        Refused(() => _operations.MultiplyAddGelu(other, three, six, near), "overlaps");
        Refused(
            () => _operations.MultiplyAddGeluGradient(other, six, New(six.Shape), near, three),
            "overlaps"
        );
        Refused(() => _operations.ColumnSum(six, At(2, new Shape(3))), "overlaps");
        // A copy is as if the source had been read before.
        _operations.Copy(six, near);
    }

    [Test]
    public void Tensors_that_are_none_or_of_others()
    {
        Tensor six = New(new Shape(2, 3));
        using Backend elsewhere = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        Tensor foreign = elsewhere.Allocate(six.Shape, MemoryCategory.Workspace);
        Refused(() => _operations.Copy(default, six), "empty");
        Refused(() => _operations.Fill(default, 1f), "empty");
        Refused(() => _operations.Copy(six, foreign), "another backend");
        Refused(() => _operations.Run(() => { }, foreign), "another backend");
        Assert.That(() => _operations.Run(null!, six), Throws.ArgumentNullException);
        foreign.Storage.Dispose();
    }

    [Test]
    public void Parameters_that_cannot_be()
    {
        Refused(() => _ = new Parameter("", new Shape(1), Parameter.Constant(0f)));
        Refused(
            () => _ = new Parameter("w", new Shape(0, 2), Parameter.Constant(0f)),
            "w is [0, 2]"
        );
        using var model = new Twins();
        Assert.That(
            () => model.Initialize(_backend),
            Throws.InvalidOperationException.With.Message.Contains("are called w")
        );
        Assert.That(_backend.Memory.CurrentBytes, Is.EqualTo(_backend.BytesOf(100)));
    }

    private sealed class Twins : Layer
    {
        public override int InputSize => 1;

        public override int OutputSize => 1;

        public override IReadOnlyList<Parameter> Parameters { get; } =
        [
            new("w", new Shape(1), Parameter.Constant(0f)),
            new("w", new Shape(2), Parameter.Constant(0f)),
        ];

        protected internal override LayerPlan CreatePlan(
            PlanBuilder builder,
            Shape input,
            out Shape output
        ) => throw new NotSupportedException();
    }
}
