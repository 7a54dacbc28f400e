namespace Sequor.Layers;

/// <summary>What an operation computes, in the words of the field. Each name is one object with a number of its own.</summary>
internal sealed class OperationName
{
    private static readonly List<OperationName> Made = [];

    private OperationName(string text)
    {
        Text = text;
        Id = Made.Count;
        Made.Add(this);
    }

    /// <summary>Every name, at the index of its number.</summary>
    public static IReadOnlyList<OperationName> All => Made;

    public static readonly OperationName Upload = new("upload"),
        UploadLengths = new("upload lengths"),
        Download = new("download"),
        Copy = new("copy"),
        CopyColumns = new("copy columns"),
        Fill = new("fill"),
        Code = new("code"),
        MatMul = new("matmul"),
        Add = new("add"),
        AddRelu = new("add relu"),
        ReluGradient = new("relu gradient"),
        MultiplyAdd = new("multiply add"),
        MultiplyAddGelu = new("multiply add gelu"),
        MultiplyAddGeluGradient = new("multiply add gelu gradient"),
        Gelu = new("gelu"),
        GeluGradient = new("gelu gradient"),
        AddGlu = new("add glu"),
        GluGradient = new("glu gradient"),
        AddGluGradientAndGelu = new("add glu gradient and gelu"),
        AddGated = new("add gated"),
        AddGatedGradient = new("add gated gradient"),
        ColumnSum = new("column sum"),
        Pack = new("pack"),
        Unpack = new("unpack"),
        MeanOverTime = new("mean over time"),
        MeanOverTimeGradient = new("mean over time gradient"),
        LastSteps = new("last steps"),
        LastStepsGradient = new("last steps gradient"),
        FirstSteps = new("first steps"),
        FirstStepsGradient = new("first steps gradient"),
        MeanSquaredError = new("mean squared error"),
        SoftmaxCrossEntropy = new("softmax cross entropy"),
        BinaryCrossEntropy = new("binary cross entropy"),
        Update = new("update"),
        WeightNorm = new("weight norm"),
        WeightNormGradient = new("weight norm gradient"),
        LruParametrization = new("lru parametrization"),
        LruParametrizationGradient = new("lru parametrization gradient"),
        DiagonalParametrization = new("diagonal parametrization"),
        DiagonalParametrizationGradient = new("diagonal parametrization gradient"),
        StateSpaceParametrization = new("state space parametrization"),
        StateSpaceParametrizationGradient = new("state space parametrization gradient"),
        Recurrent = new("recurrent"),
        RecurrentGradient = new("recurrent gradient"),
        Convolution = new("convolution"),
        ConvolutionStream = new("convolution stream"),
        ConvolutionGradient = new("convolution gradient"),
        Scan = new("scan"),
        ScanGradient = new("scan gradient"),
        StateSpaceScan = new("state space scan"),
        StateSpaceScanGradient = new("state space scan gradient"),
        LayerNorm = new("layer norm"),
        LayerNormGradient = new("layer norm gradient"),
        LayerNormAndGeluGradient = new("layer norm and gelu gradient"),
        BatchNormStatistics = new("batch norm statistics"),
        BatchNormRecall = new("batch norm recall"),
        BatchNorm = new("batch norm"),
        BatchNormSums = new("batch norm sums"),
        BatchNormGradient = new("batch norm gradient"),
        Embedding = new("embedding"),
        EmbeddingGradient = new("embedding gradient"),
        RandomAdvance = new("random advance"),
        Dropout = new("dropout");

    /// <summary>A number from 0 that is this name's alone.</summary>
    public int Id { get; }

    public string Text { get; }

    /// <summary>Whether it copies values from one place to another, or from or to the host.</summary>
    public bool IsCopy =>
        this == Upload || this == UploadLengths || this == Download || this == Copy;

    public override string ToString() => Text;
}
