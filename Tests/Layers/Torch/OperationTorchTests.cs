using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Torch;

/// <summary>Operations that PyTorch has as layers, and Sequor only inside of layers.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class OperationTorchTests(int bits, int threads)
{
    private readonly List<Storage> _storages = [];

    private Backend Backend => Backends.Get(bits, threads);

    [TearDown]
    public void Free()
    {
        _storages.ForEach(storage => storage.Dispose());
        _storages.Clear();
    }

    [TestCase("causal_conv")]
    [TestCase("causal_conv_short")]
    public void A_causal_convolution_gives_what_torch_gives(string name)
    {
        var c = TorchCase.Find(name);
        (int time, int batch) = (c.Size("T"), c.Size("B"));
        (int inputs, int outputs, int kernel) = (c.Size("in"), c.Size("out"), c.Size("kernel"));
        using ConvolutionOperation operation = Backend.PlanConvolution(
            new ConvolutionDescriptor(
                inputs,
                outputs,
                kernel,
                c.Size("dilation"),
                time,
                batch,
                false
            )
        );
        Tensor workspace = New(new Shape((int)operation.WorkspaceCount));
        Tensor x = New(new Shape(time, batch, inputs), c.Floats("x"));
        Tensor w = New(new Shape(outputs, inputs, kernel), c.Floats("weight"));
        Tensor b = New(new Shape(outputs), c.Floats("bias"));
        Tensor dy = New(new Shape(time, batch, outputs), c.Floats("dy"));
        (Tensor y, Tensor dx, Tensor dw, Tensor db) = (
            New(dy.Shape),
            New(x.Shape),
            New(w.Shape),
            New(b.Shape)
        );

        var output = new ConvolutionOutput { Y = y, Bias = b };
        operation.Forward(x, null, w, output, workspace);
        var gradients = new ConvolutionGradients
        {
            Y = dy,
            Products = dy,
            Weight = dw,
            Bias = db,
            X = dx,
        };
        operation.Backward(x, null, w, output, gradients, workspace);

        Close.Check(y.ToArray(), c["y"], Close.Output, "y");
        Close.Check(dx.ToArray(), c["grad.x"], Close.Gradient, "grad.x");
        Close.Check(dw.ToArray(), c["grad.weight"], Close.Gradient, "grad.weight");
        Close.Check(db.ToArray(), c["grad.bias"], Close.Gradient, "grad.bias");
    }

    [Test]
    public void A_linear_recurrent_unit_gives_what_torch_gives()
    {
        var c = TorchCase.Find("lru");
        (int time, int batch, int d, int n) = (c.Size("T"), c.Size("B"), c.Size("d"), c.Size("N"));
        using DiagonalScanOperation scan = Backend.PlanDiagonalScan(
            new DiagonalScanDescriptor(n, time, batch)
        );
        Tensor workspace = New(new Shape((int)scan.WorkspaceCount));
        string[] names = ["nu", "theta", "gamma_log", "B_re", "B_im", "C_re", "C_im"];
        Tensor[] values = [.. names.Select(name => New(new Shape(c[name].Length), c.Floats(name)))];
        Tensor[] gradients = [.. names.Select(name => New(new Shape(c[name].Length)))];
        (DiagonalTensors p, DiagonalTensors dp) = (Gather(values), Gather(gradients));
        Tensor lambda = New(new Shape(n, 2));
        Tensor dlambda = New(Shape.Block(scan.LambdaGradientCount));
        (Tensor b, Tensor db) = (New(new Shape(2 * n, d)), New(new Shape(2 * n, d)));
        (Tensor cc, Tensor dc) = (New(new Shape(d, 2 * n)), New(new Shape(d, 2 * n)));
        (Tensor states, Tensor du) = (
            New(new Shape(time, batch, 2 * n)),
            New(new Shape(time, batch, 2 * n))
        );
        Tensor x = New(new Shape(time, batch, d), c.Floats("x"));
        Tensor dy = New(x.Shape, c.Floats("dy"));
        Tensor skip = New(new Shape(d), c.Floats("D"));
        (Tensor y, Tensor dx, Tensor dskip) = (New(x.Shape), New(x.Shape), New(skip.Shape));

        Backend.DiagonalParametrization([p], [new DiagonalMatrices(lambda, b, cc)]);
        Multiply(x, b, states, transposeB: true);
        scan.Forward(lambda, states, null, new ScanRange(0, time), workspace);
        Multiply(states, cc, y, transposeB: true);
        AddTimes(x, skip, y);

        Multiply(dy, states, dc, transposeA: true);
        Multiply(dy, cc, du);
        scan.Backward(lambda, states, null, du, new ScanRange(0, time), dlambda, false, workspace);
        Multiply(du, x, db, transposeA: true);
        Multiply(du, b, dx);
        AddTimes(dy, skip, dx);
        Backend.ColumnSum(dy, x, dskip);
        Backend.DiagonalParametrizationGradient(
            [p],
            [new DiagonalMatrices(scan.LambdaGradient(dlambda), db, dc)],
            [dp]
        );

        Close.Check(y.ToArray(), c["y"], Close.Output, "y");
        Close.Check(dx.ToArray(), c["grad.x"], Close.Gradient, "grad.x");
        Close.Check(dskip.ToArray(), c["grad.D"], Close.Gradient, "grad.D");
        for (int i = 0; i < names.Length; i++)
        {
            string name = $"grad.{names[i]}";
            Close.Check(gradients[i].ToArray(), c[name], Close.Gradient, name);
        }
    }

    private static DiagonalTensors Gather(Tensor[] t) =>
        new(DiagonalForm.LogPolar, t[0], t[1], t[2], t[3], t[4], t[5], t[6]);

    private void Multiply(
        Tensor a,
        Tensor b,
        Tensor c,
        bool transposeA = false,
        bool transposeB = false
    ) =>
        Backend.MatMul(
            new MatrixProduct
            {
                A = a,
                B = b,
                C = c,
                TransposeA = transposeA,
                TransposeB = transposeB,
            }
        );

    private void AddTimes(Tensor a, Tensor row, Tensor result) =>
        Backend.Pointwise(
            PointwiseOp.MultiplyAdd,
            new PointwiseArguments
            {
                A = a,
                Row = row,
                Out = result,
            }
        );

    // Zeros where no values are given.
    private Tensor New(Shape shape, float[]? values = null)
    {
        Tensor tensor = Backend.Allocate(shape, MemoryCategory.InputOutput);
        _storages.Add(tensor.Storage);
        tensor.Write(values ?? new float[shape.Count]);
        return tensor;
    }
}
