namespace Sequor.VirtualGpu;

/// <summary>An RNN descriptor.</summary>
internal sealed class RnnDescriptor : ICuDnnObject
{
    public static string Kind => "cuDNN RNN descriptor";

    /// <summary>What it was set to; null before.</summary>
    public RnnNet? Net { get; set; }

    /// <summary>Clipping, which can be set before the net is.</summary>
    public (double Low, double High)? Clip { get; set; }

    /// <summary>The batch size that cudnnBuildRNNDynamic last compiled for; 0 for none.</summary>
    public int BuiltBatch { get; set; }
}

/// <summary>An RNN data descriptor.</summary>
internal sealed class RnnDataDescriptor : ICuDnnObject
{
    public static string Kind => "cuDNN RNN data descriptor";

    /// <summary>What it was set to; null before.</summary>
    public RnnData? Data { get; set; }
}
