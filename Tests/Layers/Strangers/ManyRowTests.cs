using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Strangers;

/// <summary>Operations refuse matrices of more rows than the backend counts, where a kernel would leave some out.</summary>
[TestFixture("cpu", 1 << 21, 1 << 20)]
[TestFixture("cuda", 1 << 16, 1 << 15)]
public sealed class ManyRowTests(string device, int steps, int batch) : CudaFixture
{
    [Test]
    public void More_rows_than_the_backend_takes_are_refused()
    {
        Backend on = device == "cpu" ? Cpu : Gpu;
        long rows = (long)steps * batch;
        // There is no memory: what is refused is not looked at.
        using var nowhere = new Storage(
            on,
            0,
            4 * rows + 2,
            MemoryCategory.Workspace,
            owned: false
        );
        var operations = new TensorOperations(on);
        Tensor many = At(0, new Shape(steps, batch, 2));
        Tensor result = At(2 * rows, new Shape(steps, batch, 2));
        Tensor row = At(4 * rows, new Shape(2));

        Refused(() => operations.ColumnSum(many, row));
        Refused(() => operations.MultiplyAdd(many, row, result));
        Refused(() => operations.MultiplyAddGelu(many, row, result, result));
        Refused(() => operations.MultiplyAddGeluGradient(many, result, result, many, row));
        Refused(() => operations.CopyColumns(many, 0, result, 0, 1));
        Refused(() =>
            operations.MatMul(
                many,
                At(4 * rows, new Shape(2, 1)),
                At(2 * rows, new Shape(steps, batch, 1))
            )
        );

        Tensor At(long from, Shape shape) => new(nowhere, from, shape);

        void Refused(Action action) =>
            Assert.That(
                action,
                Throws
                    .ArgumentException.With.Message.Contains($"[{steps}, {batch}, 2]")
                    .And.Message.Contains($"{rows} rows, more than the {on.MostRows} that")
            );
    }
}
