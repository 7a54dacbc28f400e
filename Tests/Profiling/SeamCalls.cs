using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Profiling;

/// <summary>A small call of each operation of a backend, by the name that the seam has for it.</summary>
internal sealed class SeamCalls : IDisposable
{
    private const int T = 3;
    private const int B = 2;
    private const int C = 4;

    private readonly Backend _backend;
    private readonly List<Storage> _storages = [];
    private readonly List<IDisposable> _operations = [];

    public SeamCalls(Backend backend)
    {
        _backend = backend;
        AddTensors();
        AddSequences();
        AddWeights();
        AddRecurrent();
        AddConvolution();
        AddScan();
        AddStateSpace();
        AddNorms();
    }

    /// <summary>The calls, and of which operation each is.</summary>
    public List<(string Name, Action Call)> All { get; } = [];

    private void Add(string name, Action call) => All.Add((name, call));

    private Tensor New(params int[] sizes)
    {
        Shape shape = sizes switch
        {
            [var a] => new Shape(a),
            [var a, var b] => new Shape(a, b),
            _ => new Shape(sizes[0], sizes[1], sizes[2]),
        };
        Tensor tensor = _backend.Allocate(shape, MemoryCategory.InputOutput);
        _storages.Add(tensor.Storage);
        _backend.Fill(tensor, 0.5f);
        return tensor;
    }

    private Tensor[] Together(params ReadOnlySpan<Shape> shapes) =>
        OneBlock.Split(New(OneBlock.Of(shapes).First), shapes);

    private T Own<T>(T operation)
        where T : IDisposable
    {
        _operations.Add(operation);
        return operation;
    }

    private void AddTensors()
    {
        Tensor a = New(T, B, C);
        Tensor b = New(T, B, C);
        Tensor row = New(C);
        Add("Backend.Upload", () => _backend.Upload(new float[T * B * C], a));
        Add("Backend.Download", () => _backend.Download(a, new float[T * B * C]));
        Add(
            "Backend.DownloadAsync",
            () => _backend.DownloadAsync(a, default).GetAwaiter().GetResult()
        );
        Add("Backend.Copy", () => _backend.Copy(a, b));
        Add(
            "Backend.CopyColumns",
            () =>
                _backend.CopyColumns(
                    new ColumnCopy
                    {
                        From = a,
                        To = b,
                        Columns = 2,
                    }
                )
        );
        Add("Backend.Fill", () => _backend.Fill(a, 1f));
        Add("Backend.RunCode", () => _backend.RunCode(() => { }, [a]));
        Tensor square = New(C, C);
        Add(
            "Backend.MatMul",
            () =>
                _backend.MatMul(
                    new MatrixProduct
                    {
                        A = a,
                        B = square,
                        C = b,
                    }
                )
        );
        foreach (PointwiseOp op in Enum.GetValues<PointwiseOp>())
        {
            bool gates =
                op
                is PointwiseOp.AddGlu
                    or PointwiseOp.GluGradient
                    or PointwiseOp.AddGluGradientAndGelu;
            var arguments = new PointwiseArguments
            {
                A = New(T, B, C),
                B = New(T, B, gates ? 2 * C : C),
                C = New(T, B, C),
                Row = New(gates ? 2 * C : C),
                Sum = New(gates ? 2 * C : C),
                Out = New(T, B, C),
            };
            Add("Backend.Pointwise", () => _backend.Pointwise(op, arguments));
        }
        Add("Backend.ColumnSum", () => _backend.ColumnSum(a, b, row));
        Tensor value = New(1);
        Tensor classes = New(T, B, 1);
        _backend.Fill(classes, 1f);
        Add("Backend.MeanSquaredError", () => _backend.MeanSquaredError(a, b, default, a, value));
        Add(
            "Backend.SoftmaxCrossEntropy",
            () => _backend.SoftmaxCrossEntropy(a, classes, default, b, value)
        );
        Tensor gradient = New(T, B, C);
        Add(
            "Backend.BinaryCrossEntropy",
            () => _backend.BinaryCrossEntropy(a, b, default, gradient, value)
        );
        var update = new OptimizerUpdate
        {
            Rule = default,
            Parameters = New(8),
            Gradients = New(8),
            State = New(OptimizerUpdate.StateLength),
            Segments = [new OptimizerSegment(0, 8, 1f, false)],
        };
        Add("Backend.Optimize", () => _backend.Optimize(update));
        RandomStream random = Own(_backend.CreateRandom(1));
        Add("RandomStream.Advance", random.Advance);
        Add("RandomStream.Dropout", () => random.Dropout(a, b, 0.5f, 0));
    }

    private void AddSequences()
    {
        var layout = new SequenceLayout(T, B);
        layout.Set([3, 2]);
        Tensor x = New(T, B, C);
        Tensor packed = New(5, 1, C);
        Tensor one = New(1, B, C);
        Add("Backend.Upload", () => _backend.Upload(layout));
        Add("Backend.Pack", () => _backend.Pack(x, layout, packed));
        Add("Backend.Unpack", () => _backend.Unpack(packed, layout, x));
        Add("Backend.MeanOverTime", () => _backend.MeanOverTime(x, null, one));
        Add("Backend.MeanOverTimeGradient", () => _backend.MeanOverTimeGradient(one, null, x));
        Add("Backend.LastSteps", () => _backend.LastSteps(packed, layout, one));
        Add("Backend.LastStepsGradient", () => _backend.LastStepsGradient(one, layout, packed));
        Add("Backend.FirstSteps", () => _backend.FirstSteps(packed, layout, one));
        Add("Backend.FirstStepsGradient", () => _backend.FirstStepsGradient(one, layout, packed));
    }

    private void AddWeights()
    {
        Tensor[] of = Together(new Shape(C, 2, 3), new Shape(C));
        Tensor[] by = Together(new Shape(C, 2, 3), new Shape(C));
        var filter = new WeightNormTensors(of[0], of[1], New(C, 2, 3), New(C), 1);
        var slopes = new WeightNormGradients(New(C, 2, 3), 3, by[0], by[1]);
        PreparationTable? filters = Placed(_backend.PlaceWeightNorms([filter], [slopes]));
        Add("Backend.WeightNorm", () => _backend.WeightNorm([filter], filters));
        Add(
            "Backend.WeightNormGradient",
            () => _backend.WeightNormGradient([filter], [slopes], filters)
        );
        var matrices = new DiagonalMatrices(New(3, 2), New(6, C), New(C, 6));
        var given = new DiagonalMatrices(New(1, 6), New(6, C), New(C, 6));
        foreach (DiagonalForm form in Enum.GetValues<DiagonalForm>())
        {
            DiagonalTensors values = Parameters(form);
            DiagonalTensors gradients = Parameters(form);
            PreparationTable? table = Placed(
                _backend.PlaceDiagonals([values], [matrices], [given], [gradients])
            );
            Add(
                "Backend.DiagonalParametrization",
                () => _backend.DiagonalParametrization([values], [matrices], table)
            );
            Add(
                "Backend.DiagonalParametrizationGradient",
                () =>
                    _backend.DiagonalParametrizationGradient([values], [given], [gradients], table)
            );
        }

        DiagonalTensors Parameters(DiagonalForm form)
        {
            Shape state = new(3);
            Shape rows = new(3, C);
            Shape columns = new(C, 3);
            Tensor[] all = Together(state, state, state, rows, rows, columns, columns);
            Tensor scale = form.HasScale() ? all[2] : default;
            return new(form, all[0], all[1], scale, all[3], all[4], all[5], all[6]);
        }

        PreparationTable? Placed(PreparationTable? table) => table is null ? null : Own(table);
    }

    private void AddRecurrent()
    {
        var descriptor = new RecurrentDescriptor(RecurrentKind.Gru, 2, C)
        {
            MaxLength = T,
            MaxBatch = B,
            Training = true,
        };
        RecurrentOperation operation = Own(_backend.PlanRecurrent(descriptor));
        int count = (int)_backend.RecurrentLayout(descriptor).Count;
        var operands = new RecurrentOperands
        {
            X = New(T, B, 2),
            Y = New(T, B, C),
            Parameters = New(count),
            Reserve = New((int)operation.ReserveCount + 1),
            Workspace = New((int)operation.WorkspaceCount + 1),
        };
        var gradients = new RecurrentGradients
        {
            Y = New(T, B, C),
            X = New(T, B, 2),
            Parameters = New(count),
        };
        Add("RecurrentOperation.Forward", () => operation.Forward(operands));
        Add("RecurrentOperation.Backward", () => operation.Backward(operands, gradients));
    }

    private void AddConvolution()
    {
        var descriptor = new ConvolutionDescriptor(2, C, 2, 1, T, B, Relu: true);
        ConvolutionOperation operation = Own(_backend.PlanConvolution(descriptor));
        ConvolutionOperation stream = Own(
            _backend.PlanConvolution(descriptor with { Training = false, Streaming = true })
        );
        Tensor workspace = New((int)operation.WorkspaceCount + 1);
        Tensor streamed = New((int)stream.WorkspaceCount + 1);
        Tensor x = New(T, B, 2);
        Tensor w = New(C, 2, 2);
        Tensor history = New(T, B, 2);
        var output = new ConvolutionOutput { Y = New(T, B, C), Bias = New(C) };
        Tensor dy = New(T, B, C);
        var gradients = new ConvolutionGradients
        {
            Y = dy,
            Products = dy,
            Weight = New(C, 2, 2),
            Bias = New(C),
            X = New(T, B, 2),
        };
        Add("ConvolutionOperation.Forward", () => operation.Forward(x, null, w, output, workspace));
        Add(
            "ConvolutionOperation.Backward",
            () => operation.Backward(x, null, w, output, gradients, workspace)
        );
        Add(
            "ConvolutionOperation.Stream",
            () => stream.Stream(x, w, output, history, 0, false, streamed)
        );
    }

    private void AddScan()
    {
        DiagonalScanOperation operation = Own(
            _backend.PlanDiagonalScan(new DiagonalScanDescriptor(3, T, B))
        );
        Tensor lambda = New(3, 2);
        Tensor states = New(T, B, 6);
        Tensor gradient = New(T, B, 6);
        Tensor slopes = New((int)operation.LambdaGradientCount);
        Tensor workspace = New((int)operation.WorkspaceCount + 1);
        var range = new ScanRange(0, T);
        Add(
            "DiagonalScanOperation.Forward",
            () => operation.Forward(lambda, states, null, range, workspace)
        );
        Add(
            "DiagonalScanOperation.Backward",
            () =>
                operation.Backward(lambda, states, null, gradient, range, slopes, false, workspace)
        );
    }

    private void AddStateSpace()
    {
        StateSpaceScanOperation operation = Own(
            _backend.PlanStateSpaceScan(new StateSpaceScanDescriptor(C, 3, T, B))
        );
        var operands = new StateSpaceScanOperands
        {
            U = New(T, B, C),
            Y = New(T, B, C),
            A = New(C, 6),
            C = New(C, 6),
            D = New(C),
            Workspace = New((int)operation.WorkspaceCount + 1),
        };
        var gradients = new StateSpaceScanGradients
        {
            Y = New(T, B, C),
            U = New(T, B, C),
            A = New(C, 6),
            C = New(C, 6),
            D = New(C),
        };
        Add("StateSpaceScanOperation.Forward", () => operation.Forward(operands));
        Add("StateSpaceScanOperation.Backward", () => operation.Backward(operands, gradients));
        var form = new StateSpaceForm(StateSpaceRule.Softmax, 1, T);
        var parameters = new StateSpaceTensors(New(C, 2), New(3), New(3), New(C, 6));
        var matrices = new StateSpaceMatrices(New(C, 6), New(C, 6));
        var slopes = new StateSpaceTensors(New(C, 2), New(C, 3), New(C, 3), New(C, 6));
        Add(
            "Backend.StateSpaceParametrization",
            () => _backend.StateSpaceParametrization(form, parameters, matrices)
        );
        Add(
            "Backend.StateSpaceParametrizationGradient",
            () => _backend.StateSpaceParametrizationGradient(form, parameters, matrices, slopes)
        );
    }

    private void AddNorms()
    {
        Tensor x = New(T, B, C);
        Tensor y = New(T, B, C);
        Tensor dy = New(T, B, C);
        Tensor weight = New(C);
        Tensor bias = New(C);
        Tensor rows = New(T * B, 2);
        Tensor channels = New(2, C);
        LayerNormOperation layer = Own(
            _backend.PlanLayerNorm(new LayerNormDescriptor(C, T, B, 1e-5f))
        );
        Tensor workspace = New((int)layer.WorkspaceCount + 1);
        Add(
            "LayerNormOperation.Forward",
            () => layer.Forward(x, weight, bias, y, rows, reuse: false)
        );
        Add(
            "LayerNormOperation.Backward",
            () => layer.Backward(x, weight, rows, dy, dy, false, weight, bias, workspace)
        );
        Tensor bent = New(T, B, C);
        Tensor total = New(C);
        Add(
            "LayerNormOperation.ForwardAgain",
            () =>
                layer.ForwardAgain(
                    x,
                    weight,
                    bias,
                    y,
                    rows,
                    new PointwiseArguments
                    {
                        A = dy,
                        B = dy,
                        Sum = total,
                        Out = bent,
                    }
                )
        );
        BatchNormOperation batch = Own(
            _backend.PlanBatchNorm(new BatchNormDescriptor(C, 0.1f, 1e-5f))
        );
        Tensor sums = New(2, C);
        Tensor parts = New((int)batch.WorkspaceCount + 1);
        Add("BatchNormOperation.Measure", () => batch.Measure(x, channels, weight, bias, parts));
        Add("BatchNormOperation.Recall", () => batch.Recall(weight, bias, channels));
        Add("BatchNormOperation.Normalise", () => batch.Normalise(x, channels, weight, bias, y));
        Add("BatchNormOperation.Sum", () => batch.Sum(x, channels, dy, sums, false, parts));
        Add(
            "BatchNormOperation.Backward",
            () => batch.Backward(x, channels, weight, dy, sums, T * B, y, false)
        );
        EmbeddingOperation embedding = Own(
            _backend.PlanEmbedding(new EmbeddingDescriptor(5, C, T * B))
        );
        Tensor classes = New(T, B, 1);
        _backend.Fill(classes, 2f);
        Tensor table = New(5, C);
        Tensor places = New((int)embedding.WorkspaceCount + 1);
        Add("EmbeddingOperation.Forward", () => embedding.Forward(classes, table, y));
        Add("EmbeddingOperation.Backward", () => embedding.Backward(classes, dy, table, places));
    }

    public void Dispose()
    {
        foreach (IDisposable operation in _operations)
            operation.Dispose();
        foreach (Storage storage in _storages)
            storage.Dispose();
    }
}
