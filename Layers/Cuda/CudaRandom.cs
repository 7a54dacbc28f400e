namespace Sequor.Layers.Cuda;

/// <summary>Philox numbers by kernels; seed and step are kept on the host.</summary>
internal sealed class CudaRandom(ulong seed) : RandomStream
{
    public override ulong Seed { get; } = seed;

    public override ulong Step { get; set; }

    public override void Advance() => Step++;

    public override void Dropout(
        Tensor input,
        Tensor output,
        float probability,
        int stream,
        long first = 0
    ) => throw CudaBackend.NeedsKernels(nameof(Dropout));

    public override void Dispose() { }
}
