using System.Diagnostics;
using Sequor.Interop;

namespace Sequor.FirstContact;

/// <summary>How fast the GPU's memory is copied, as far as a caller sees it.</summary>
internal sealed class BandwidthCheck : Check
{
    private const int Repeats = 20;

    public override string Name => "bandwidth";

    public override string Proves => "the speed of the GPU's memory, which floors are counted by";

    public override TimeSpan Limit => TimeSpan.FromSeconds(30);

    public override CheckOutcome Run(CheckContext context)
    {
        // Far more than caches hold.
        long count = context.IsVirtual ? 1 << 16 : 1L << 28;
        using CudaContext cuda = CudaContext.Primary(context.Libraries.Device());
        using CudaStream stream = cuda.CreateStream();
        using DeviceBuffer<float> from = cuda.Allocate<float>(count, Name);
        using DeviceBuffer<float> to = cuda.Allocate<float>(count, Name);
        from.Span.Fill(1f, stream);
        Clocks.WarmUp(Copy, context.IsVirtual);
        Figure[] clocks = Clocks.Read(context.Libraries, "warm");
        double best = double.PositiveInfinity;
        for (int i = 0; i < Repeats; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Copy();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        float last = to.Slice(count - 1, 1).ToArray(stream)[0];
        return last == 1f
            ? CheckOutcome.Held([new("read and written", 8e-9 * count / best, "GB/s"), .. clocks])
            : CheckOutcome.Differed(FormattableString.Invariant($"the last value is {last:R}"));

        void Copy()
        {
            to.Span.CopyFrom(from.Span, stream);
            stream.Synchronize();
        }
    }
}
