using System.Runtime.InteropServices;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

// The matrices around diagonal scans, and their gradients, in one launch each for all scans: a warp a row of B or C.
public sealed partial class CudaBackend
{
    internal override long DiagonalTableCount(int scans) => Words<DeviceDiagonal>() * scans;

    internal override PreparationTable PlaceDiagonals(
        ReadOnlySpan<DiagonalTensors> parameters,
        ReadOnlySpan<DiagonalMatrices> matrices,
        ReadOnlySpan<DiagonalMatrices> slopes,
        ReadOnlySpan<DiagonalTensors> gradients
    )
    {
        var entries = new DeviceDiagonal[parameters.Length];
        Tensor origin = parameters[0].Decay;
        Tensor prepared = matrices[0].Lambda;
        Tensor slope = slopes[0].Lambda;
        Tensor gradient = gradients[0].Decay;
        for (int i = 0; i < entries.Length; i++)
        {
            DiagonalTensors p = parameters[i];
            DiagonalTensors d = gradients[i];
            (int model, int size, int directions) = DiagonalSizes(matrices[i]);
            entries[i] = new DeviceDiagonal
            {
                Decay = PlaceOf(p.Decay, d.Decay),
                Frequency = PlaceOf(p.Frequency, d.Frequency),
                Scale = PlaceOf(p.Scale, d.Scale),
                BReal = PlaceOf(p.BReal, d.BReal),
                BImaginary = PlaceOf(p.BImaginary, d.BImaginary),
                CReal = PlaceOf(p.CReal, d.CReal),
                CImaginary = PlaceOf(p.CImaginary, d.CImaginary),
                Lambda = Place(matrices[i].Lambda, prepared),
                B = Place(matrices[i].B, prepared),
                C = Place(matrices[i].C, prepared),
                LambdaSlope = Place(slopes[i].Lambda, slope),
                BSlope = Place(slopes[i].B, slope),
                CSlope = Place(slopes[i].C, slope),
                Form = (int)p.Form,
                Model = model,
                Size = size,
                Directions = directions,
            };
        }
        return MakeTable<DeviceDiagonal>(entries, origin, prepared, gradient, slope);

        long PlaceOf(Tensor parameter, Tensor itsGradient)
        {
            long place = Place(parameter, origin);
            RequireAlike(place, itsGradient, gradient);
            return place;
        }
    }

    private protected override void DiagonalParametrizationCore(
        ReadOnlySpan<DiagonalTensors> parameters,
        ReadOnlySpan<DiagonalMatrices> matrices,
        PreparationTable? table
    )
    {
        PreparationTable places = Required(table);
        foreach ((int from, int count) in new AlikeRuns<DiagonalMatrices>(matrices, static _ => 0))
            Kernels.Launch(
                parameters[from].Form == DiagonalForm.LogPolar ? "lru_prepare" : "diagonal_prepare",
                DiagonalRows(matrices.Slice(from, count)),
                Entries<DeviceDiagonal>(places, from),
                Span(places.Parameters),
                Span(places.Prepared)
            );
    }

    private protected override void DiagonalParametrizationGradientCore(
        ReadOnlySpan<DiagonalTensors> parameters,
        ReadOnlySpan<DiagonalMatrices> slopes,
        ReadOnlySpan<DiagonalTensors> gradients,
        PreparationTable? table
    )
    {
        PreparationTable places = Required(table);
        // Blocks of one batch and of as many states have as many partial sums of dlambda.
        foreach (
            (int from, int count) in new AlikeRuns<DiagonalMatrices>(
                slopes,
                static slope => slope.Lambda.Shape.Rows
            )
        )
            Kernels.Launch(
                parameters[from].Form == DiagonalForm.LogPolar
                    ? "lru_prepare_gradient"
                    : "diagonal_prepare_gradient",
                DiagonalRows(slopes.Slice(from, count)),
                Entries<DeviceDiagonal>(places, from),
                Span(places.Parameters),
                Span(places.Slopes),
                Span(places.Gradients),
                checked((int)slopes[from].Lambda.Shape.Rows)
            );
    }

    // Rows of B and of each direction's C.
    private static KernelGrid DiagonalRows(ReadOnlySpan<DiagonalMatrices> matrices) =>
        KernelGrid.WarpTable(
            matrices.Length,
            Most(matrices, static each => each.B.Shape.First / 2 + (long)each.C.Shape.First)
        );

    private static (int Model, int Size, int Directions) DiagonalSizes(in DiagonalMatrices matrices)
    {
        int model = matrices.B.Shape.Columns;
        return (model, matrices.B.Shape.First / 2, matrices.C.Shape.First / model);
    }

    // The layout of Diagonal in Native/Kernels/diagonal_table.cuh.
    [StructLayout(LayoutKind.Sequential)]
    private struct DeviceDiagonal
    {
        public long Decay;
        public long Frequency;
        public long Scale;
        public long BReal;
        public long BImaginary;
        public long CReal;
        public long CImaginary;
        public long Lambda;
        public long B;
        public long C;
        public long LambdaSlope;
        public long BSlope;
        public long CSlope;
        public int Form;
        public int Model;
        public int Size;
        public int Directions;
    }
}
