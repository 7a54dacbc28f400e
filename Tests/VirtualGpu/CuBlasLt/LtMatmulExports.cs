using System.Numerics;
using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>Choosing algorithms, and products of the virtual cuBLASLt.</summary>
internal static unsafe class LtMatmulExports
{
    private const string HeuristicCall = "cublasLtMatmulAlgoGetHeuristic";
    private const string Call = "cublasLtMatmul";

    [UnmanagedCallersOnly(EntryPoint = "cublasLtMatmulAlgoGetHeuristic")]
    private static cublasStatus_t Heuristic(
        cublasLtHandle_t handle,
        cublasLtMatmulDesc_t operation,
        cublasLtMatrixLayout_t a,
        cublasLtMatrixLayout_t b,
        cublasLtMatrixLayout_t c,
        cublasLtMatrixLayout_t d,
        cublasLtMatmulPreference_t preference,
        int requested,
        cublasLtMatmulHeuristicResult_t* results,
        int* count
    ) =>
        CuBlasCall.Run(
            HeuristicCall,
            device =>
            {
                CuBlasCall.Unless(
                    results != null && count != null && requested > 0,
                    "there is no room for results"
                );
                *count = 0;
                CuBlasLtLibrary.Find<LtHandle>(
                    device,
                    LtHandle.Kind,
                    handle.Value,
                    HeuristicCall,
                    "lightHandle"
                );
                LtProduct product = Describe(device, operation, a, b, c, d, HeuristicCall);
                LtPreference allowed = CuBlasLtLibrary.Find<LtPreference>(
                    device,
                    LtPreference.Kind,
                    preference.Value,
                    HeuristicCall,
                    "preference"
                );
                if (
                    product.VectorCount > 0
                    && device.Manners.NoEpilogue?.Invoke(product.Shape) is { } answer
                )
                    throw new CuBlasRefusal(answer, "a test wants it so");
                results[0] = new cublasLtMatmulHeuristicResult_t
                {
                    state = cublasStatus_t.CUBLAS_STATUS_SUCCESS,
                    wavesCount = 1,
                };
                LtAlgorithm.For(product, allowed).Write(&results[0]);
                *count = 1;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasLtMatmul")]
    private static cublasStatus_t Matmul(
        cublasLtHandle_t handle,
        cublasLtMatmulDesc_t operation,
        void* alpha,
        void* a,
        cublasLtMatrixLayout_t aLayout,
        void* b,
        cublasLtMatrixLayout_t bLayout,
        void* beta,
        void* c,
        cublasLtMatrixLayout_t cLayout,
        void* d,
        cublasLtMatrixLayout_t dLayout,
        cublasLtMatmulAlgo_t* algorithm,
        void* workspace,
        nuint workspaceBytes,
        CUstream stream
    ) =>
        CuBlasCall.Run(
            Call,
            device =>
            {
                LtHandle found = CuBlasLtLibrary.Find<LtHandle>(
                    device,
                    LtHandle.Kind,
                    handle.Value,
                    Call,
                    "lightHandle"
                );
                LtProduct product = Describe(
                    device,
                    operation,
                    aLayout,
                    bLayout,
                    cLayout,
                    dLayout,
                    Call
                );
                CuBlasCall.Unless(a != null && b != null && d != null, "a matrix is null");
                CuBlasCall.Unless(alpha != null && beta != null, "alpha or beta is null");
                CuBlasCall.Unless(
                    !device.Memory.Owns((nint)alpha) && !device.Memory.Owns((nint)beta),
                    "alpha or beta is on the device, and the pointer mode is CUBLASLT_POINTER_MODE_HOST"
                );
                float factor = *(float*)beta;
                CuBlasCall.Unless(factor == 0 || c != null, "C is null, and beta is not 0");
                if (factor != 0 && c != d)
                    throw LtProduct.NotSupported("the virtual cuBLASLt adds in place alone");
                // Without an algorithm the library asks for one by itself, which costs time at each call.
                CuBlasCall.Unless(algorithm != null, "algo is null");
                LtAlgorithm way = LtAlgorithm.Read(algorithm);
                way.Require(product, [(nint)a, (nint)b, (nint)c, (nint)d]);
                CuBlasCall.Unless(
                    workspaceBytes >= way.WorkspaceBytes
                        && (workspace != null || way.WorkspaceBytes == 0),
                    $"the algorithm needs {way.WorkspaceBytes} bytes of workspace, there are {workspaceBytes}"
                );
                VirtualStream queue = Ready(device, found, stream);
                LtDescriptor descriptor = product.Descriptor;
                // What the descriptor holds now is what runs: a call does not come back to it.
                var work = new LtMatmul(
                    product,
                    descriptor.Epilogue,
                    descriptor.Bias,
                    (nint)a,
                    (nint)b,
                    (nint)d,
                    *(float*)alpha,
                    factor,
                    way.WorkspaceBytes == 0 ? 0 : (nint)workspace,
                    (long)way.WorkspaceBytes,
                    way.IsInPlace
                );
                var named = new VirtualWork(
                    Call,
                    $"{descriptor.Compute} {descriptor.Epilogue}",
                    product.Shape
                );
                VirtualEffect effect = device.EffectOf(named);
                Action<DeviceMemory> run = effect.Before(
                    device,
                    named,
                    memory => work.Run(memory, effect.IsWrong)
                );
                queue.Enqueue(
                    Call,
                    () =>
                    {
                        run(device.Memory);
                        device.Counts.Ran(work.Work);
                    }
                );
            }
        );

    private static LtProduct Describe(
        VirtualDevice device,
        cublasLtMatmulDesc_t operation,
        cublasLtMatrixLayout_t a,
        cublasLtMatrixLayout_t b,
        cublasLtMatrixLayout_t c,
        cublasLtMatrixLayout_t d,
        string call
    )
    {
        LtLayout Layout(cublasLtMatrixLayout_t layout, string argument) =>
            CuBlasLtLibrary.Find<LtLayout>(device, LtLayout.Kind, layout.Value, call, argument);
        return LtProduct.Of(
            device,
            CuBlasLtLibrary.Find<LtDescriptor>(
                device,
                LtDescriptor.Kind,
                operation.Value,
                call,
                "operationDesc"
            ),
            Layout(a, "Adesc"),
            Layout(b, "Bdesc"),
            Layout(c, "Cdesc"),
            Layout(d, "Ddesc")
        );
    }

    /// <summary>The stream, fit for work.</summary>
    private static VirtualStream Ready(VirtualDevice device, LtHandle handle, CUstream stream)
    {
        if (device.IsPoisoned)
            throw new CuBlasRefusal(
                cublasStatus_t.CUBLAS_STATUS_EXECUTION_FAILED,
                $"the device is in the error state {device.Sticky}"
            );
        CuBlasCall.Unless(
            device.CurrentContext == handle.Context,
            "the handle's context is not current"
        );
        VirtualStream queue =
            VirtualStream.Resolve(stream.Value, Call)
            ?? throw new CuBlasRefusal(
                cublasStatus_t.CUBLAS_STATUS_EXECUTION_FAILED,
                "the stream is destroyed"
            );
        CuBlasCall.Unless(
            stream.Value == 0 || queue.Context == handle.Context,
            "the stream is none of the handle's context"
        );
        if (!handle.Loaded)
            CaptureGuard.Refuse(queue, $"{Call} loaded kernels: run it once before");
        handle.Loaded = true;
        return queue;
    }
}

/// <summary>An algorithm as it lies in a program's memory.</summary>
/// <param name="Mark">what it is good for</param>
/// <param name="WorkspaceBytes">what it needs</param>
/// <param name="Alignments">of A, B, C and D</param>
/// <param name="VectorAlignment">of the bias</param>
/// <param name="IsInPlace">whether it joins parts of sums in the result, as they come</param>
internal sealed record LtAlgorithm(
    ulong Mark,
    ulong WorkspaceBytes,
    uint[] Alignments,
    uint VectorAlignment,
    bool IsInPlace
)
{
    private const int Matrices = 4;

    // Longer sums are split where there may be parts.
    private const int LongestWhole = 64;
    private const int Parts = 2;
    private const uint MostAlignment = 16;

    /// <summary>The algorithm for a product: as aligned as it may be, and with a workspace where sums are long.</summary>
    public static LtAlgorithm For(LtProduct product, LtPreference allowed)
    {
        bool split = product.Inner > LongestWhole;
        bool inPlace =
            split
            && (allowed.Schemes & (uint)cublasLtReductionScheme_t.CUBLASLT_REDUCTION_SCHEME_INPLACE)
                != 0;
        ulong bytes = (ulong)product.C.Rows * (ulong)product.C.Columns * sizeof(float) * Parts;
        bool stores =
            split
            && !inPlace
            && bytes <= allowed.MostWorkspaceBytes
            && (
                allowed.Schemes
                & (uint)cublasLtReductionScheme_t.CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE
            ) != 0;
        nint bias = product.Descriptor.Bias;
        return new LtAlgorithm(
            product.Mark,
            stores ? bytes : 0,
            Array.ConvertAll(allowed.Alignments, a => Math.Min(a, MostAlignment)),
            product.VectorCount == 0
                ? 1
                : (uint)Math.Min(1L << BitOperations.TrailingZeroCount(bias), MostAlignment),
            inPlace
        );
    }

    public static unsafe LtAlgorithm Read(cublasLtMatmulAlgo_t* from) =>
        new(
            from->data[0],
            from->data[1],
            [.. Enumerable.Range(0, Matrices).Select(i => Part(from->data[2], i))],
            Part(from->data[3], 0),
            from->data[4] != 0
        );

    public unsafe void Write(cublasLtMatmulHeuristicResult_t* to)
    {
        to->workspaceSize = (nuint)WorkspaceBytes;
        to->algo.data[0] = Mark;
        to->algo.data[1] = WorkspaceBytes;
        for (int i = 0; i < Matrices; i++)
            to->algo.data[2] |= (ulong)Alignments[i] << (16 * i);
        to->algo.data[3] = VectorAlignment;
        to->algo.data[4] = IsInPlace ? 1u : 0;
    }

    /// <summary>Refuses a product that it is not good for.</summary>
    /// <exception cref="CuBlasRefusal">It is not.</exception>
    public void Require(LtProduct product, ReadOnlySpan<nint> matrices)
    {
        CuBlasCall.Unless(Mark == product.Mark, "the algorithm is for another product");
        for (int i = 0; i < Matrices; i++)
            CuBlasCall.Unless(
                Alignments[i] > 0 && matrices[i] % Alignments[i] == 0,
                $"{"ABCD"[i]} is not aligned to {Alignments[i]} bytes"
            );
        CuBlasCall.Unless(
            product.VectorCount == 0 || product.Descriptor.Bias % VectorAlignment == 0,
            $"the bias is not aligned to {VectorAlignment} bytes"
        );
    }

    private static uint Part(ulong packed, int index) => (ushort)(packed >> (16 * index));
}
