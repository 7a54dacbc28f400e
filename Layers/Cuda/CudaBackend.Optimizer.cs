using System.Runtime.InteropServices;
using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

// An update takes two launches over all parameters: one computes the norm of the gradients and the scales that depend on it, the other
// updates the parameters.
public sealed partial class CudaBackend
{
    // Parameters that a block of the update takes: four for each thread.
    private const int UpdatedEach = 4 * KernelGrid.Block;

    internal override Storage PlaceSegments(OptimizerSegment[] segments)
    {
        DeviceSegment[] placed = [.. segments.Select(segment => new DeviceSegment(segment))];
        ReadOnlySpan<float> words = MemoryMarshal.Cast<DeviceSegment, float>(placed);
        Storage storage = Allocate(words.Length, MemoryCategory.Optimizer);
        try
        {
            Upload(words, new Tensor(storage, 0, new Shape(words.Length)));
        }
        catch
        {
            storage.Dispose();
            throw;
        }
        return storage;
    }

    private protected override void OptimizeCore(in OptimizerUpdate update)
    {
        long count = update.Parameters.Count;
        UpdateRule rule = update.Rule;
        DeviceSpan<float> step = Scratch.Step;
        Kernels.Launch(
            "optimizer_norm",
            KernelGrid.Sum(count),
            Span(update.Gradients),
            count,
            Span(update.State),
            step,
            rule.Corrected ? 1 : 0,
            rule.Beta1,
            rule.Beta2,
            rule.Decay,
            Scratch.Partials,
            Scratch.Counters
        );
        KernelGrid grid = KernelGrid.Threadwise(count, UpdatedEach) with
        {
            Threads = KernelGrid.Block,
        };
        DeviceSpan<float> parameters = Span(update.Parameters);
        DeviceSpan<float> gradients = Span(update.Gradients);
        DeviceSpan<float> first = Span(update.First);
        DeviceSpan<float> second = Span(update.Second);
        DeviceSpan<float> segments = Block(
            update.PlacedSegments
                ?? throw new InvalidOperationException(
                    "The segments of an update have no memory on the device."
                )
        );
        int ranges = update.Segments.Length;
        switch (rule.HasMean, rule.HasMeanSquare)
        {
            case (false, false):
                Kernels.Launch(
                    "optimizer_sgd",
                    grid,
                    parameters,
                    gradients,
                    step,
                    segments,
                    ranges,
                    count
                );
                break;
            case (true, false):
                Kernels.Launch(
                    "optimizer_momentum",
                    grid,
                    parameters,
                    gradients,
                    first,
                    step,
                    segments,
                    ranges,
                    count,
                    rule.Beta1,
                    rule.Weight,
                    rule.Ahead ? 1 : 0
                );
                break;
            case (false, true):
                Kernels.Launch(
                    "optimizer_rmsprop",
                    grid,
                    parameters,
                    gradients,
                    second,
                    step,
                    segments,
                    ranges,
                    count,
                    rule.Beta2,
                    rule.Epsilon
                );
                break;
            case (true, true):
                Kernels.Launch(
                    "optimizer_adam",
                    grid,
                    parameters,
                    gradients,
                    first,
                    second,
                    step,
                    segments,
                    ranges,
                    count,
                    rule.Beta1,
                    rule.Weight,
                    rule.Ahead ? 1 : 0,
                    rule.Beta2,
                    rule.Epsilon
                );
                break;
        }
    }

    // The layout of Segment in Native/Kernels/optimizer.cu.
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct DeviceSegment(OptimizerSegment segment)
    {
        public readonly long From = segment.From;
        public readonly long To = segment.To;
        public readonly float Rate = segment.RateFactor;
        public readonly float Decays = segment.Decays ? 1f : 0f;
    }
}
