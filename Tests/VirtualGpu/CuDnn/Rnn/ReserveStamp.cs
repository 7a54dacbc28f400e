using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>How far a reserve has come.</summary>
internal enum ReservePhase
{
    /// <summary>cudnnRNNForward wrote it.</summary>
    Forward = 1,

    /// <summary>cudnnRNNBackwardData_v8 used it up, and left what cudnnRNNBackwardWeights_v8 reads.</summary>
    BackwardData = 2,
}

/// <summary>
/// The head of a reserve: who wrote it, and what the buffers held that backward reads again. Hardware has no such
/// thing; there a mistake gives wrong numbers.
/// </summary>
internal readonly record struct ReserveStamp(
    cudnnRNNAlgo_t Algorithm,
    long Net,
    long Sequences,
    ReservePhase Phase,
    long X,
    long Y,
    long Weights,
    long Hx,
    long Cx
)
{
    /// <summary>Doubles.</summary>
    public const int Length = 16;

    private const long Magic = 0x5345_514f_5253_5652;

    public void Write(DeviceMemory memory, nint reserve, string call)
    {
        Span<long> words = memory.Write<long>(reserve, Length, call, "reserveSpace");
        words.Clear();
        words[0] = Magic;
        words[1] = (long)Algorithm;
        words[2] = Net;
        words[3] = Sequences;
        words[4] = (long)Phase;
        words[5] = X;
        words[6] = Y;
        words[7] = Weights;
        words[8] = Hx;
        words[9] = Cx;
    }

    /// <summary>Reads a stamp, and checks that it is of this net and these sequences.</summary>
    /// <exception cref="VirtualFaultException">It is not.</exception>
    public static ReserveStamp Read(
        DeviceMemory memory,
        nint reserve,
        RnnNet net,
        RnnData data,
        ReservePhase phase,
        string call
    )
    {
        Span<long> words = memory.Read<long>(reserve, Length, call, "reserveSpace");
        if (words[0] != Magic)
            throw Fault("cudnnRNNForward in training mode did not write this reserve");
        var stamp = new ReserveStamp(
            (cudnnRNNAlgo_t)words[1],
            words[2],
            words[3],
            (ReservePhase)words[4],
            words[5],
            words[6],
            words[7],
            words[8],
            words[9]
        );
        if (stamp.Algorithm != net.Algorithm && !GoTogether(stamp.Algorithm, net.Algorithm))
            throw Fault($"forward ran with {stamp.Algorithm}, this call with {net.Algorithm}");
        if (stamp.Net != net.Fingerprint())
            throw Fault("forward ran with a descriptor of other settings");
        if (stamp.Sequences != HashOf(data))
            throw Fault("forward ran with other sequence lengths, batch size or layout");
        if (stamp.Phase != phase)
            throw Fault(
                phase == ReservePhase.Forward
                    ? "cudnnRNNBackwardData_v8 has used this reserve up; run forward again"
                    : "cudnnRNNBackwardData_v8 has to come before cudnnRNNBackwardWeights_v8"
            );
        return stamp;

        VirtualFaultException Fault(string why) =>
            new(new(FaultKind.BadArgument, call, "reserveSpace", reserve, why));
    }

    // PyTorch calls this pair wherever the hidden size is too large for the one backward and not forward.
    private static bool GoTogether(cudnnRNNAlgo_t forward, cudnnRNNAlgo_t backward) =>
        forward == cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H
        && backward == cudnnRNNAlgo_t.CUDNN_RNN_ALGO_STANDARD;

    /// <summary>Checks that a buffer holds what it held when forward ran.</summary>
    /// <exception cref="VirtualFaultException">It does not.</exception>
    public static void CheckUnchanged(
        long before,
        long now,
        nint address,
        string call,
        string argument
    )
    {
        if (before != now)
            throw new VirtualFaultException(
                new(
                    FaultKind.BadArgument,
                    call,
                    argument,
                    address,
                    "this does not hold what it held when forward ran"
                )
            );
    }

    public static long HashOf(RnnData data) =>
        ContentHash.Of([
            (double)(int)data.Layout,
            data.MaxLength,
            .. data.Lengths.Select(length => (double)length),
        ]);
}
