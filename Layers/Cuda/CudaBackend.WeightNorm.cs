using System.Runtime.InteropServices;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

// Weight normalisation: a launch takes all filters, and has one block for each output.
public sealed partial class CudaBackend
{
    private const int WeightNormThreads = 128;

    // In [O, k, I] one tap is a matrix whose rows lie k I apart. cuBLAS takes that as a leading dimension, and cuDNN wants this order.
    internal override bool FilterInputsLast => true;

    internal override long WeightNormTableCount(int filters) => Words<DeviceFilter>() * filters;

    internal override PreparationTable PlaceWeightNorms(
        ReadOnlySpan<WeightNormTensors> filters,
        ReadOnlySpan<WeightNormGradients> gradients
    )
    {
        var entries = new DeviceFilter[filters.Length];
        WeightNormTensors origin = filters[0];
        WeightNormGradients slope = gradients[0];
        for (int i = 0; i < entries.Length; i++)
        {
            WeightNormTensors filter = filters[i];
            RequireAlike(Place(filter.V, origin.V), gradients[i].V, slope.V);
            RequireAlike(Place(filter.G, origin.V), gradients[i].G, slope.V);
            entries[i] = new DeviceFilter
            {
                V = Place(filter.V, origin.V),
                G = Place(filter.G, origin.V),
                W = Place(filter.W, origin.W),
                Norms = Place(filter.Norms, origin.W),
                Slope = Place(gradients[i].W, slope.W),
                Outputs = filter.V.Shape.First,
                Inputs = filter.V.Shape[1],
                Taps = filter.V.Shape[2],
                Dilation = filter.Dilation,
            };
        }
        return MakeTable<DeviceFilter>(entries, origin.V, origin.W, slope.V, slope.W);
    }

    private protected override void WeightNormCore(
        ReadOnlySpan<WeightNormTensors> filters,
        PreparationTable? table
    )
    {
        PreparationTable places = Required(table);
        foreach ((int from, int count) in new AlikeRuns<WeightNormTensors>(filters, static _ => 0))
            Kernels.Launch(
                "weight_norm",
                Outputs(filters.Slice(from, count)),
                Entries<DeviceFilter>(places, from),
                Span(places.Parameters),
                Span(places.Prepared)
            );
    }

    private protected override void WeightNormGradientCore(
        ReadOnlySpan<WeightNormTensors> filters,
        ReadOnlySpan<WeightNormGradients> gradients,
        PreparationTable? table
    )
    {
        PreparationTable places = Required(table);
        foreach (
            (int from, int count) in new AlikeRuns<WeightNormGradients>(
                gradients,
                static gradient => gradient.Steps
            )
        )
            Kernels.Launch(
                "weight_norm_gradient",
                Outputs(filters.Slice(from, count)),
                Entries<DeviceFilter>(places, from),
                Span(places.Parameters),
                Span(places.Prepared),
                Span(places.Slopes),
                Span(places.Gradients),
                gradients[from].Steps
            );
    }

    private static KernelGrid Outputs(ReadOnlySpan<WeightNormTensors> filters) =>
        KernelGrid.Table(
            filters.Length,
            Most(filters, static filter => filter.G.Count),
            WeightNormThreads
        );

    // The layout of Filter in Native/Kernels/weight_norm.cu.
    [StructLayout(LayoutKind.Sequential)]
    private struct DeviceFilter
    {
        public long V;
        public long G;
        public long W;
        public long Norms;
        public long Slope;
        public int Outputs;
        public int Inputs;
        public int Taps;
        public int Dilation;
    }
}
