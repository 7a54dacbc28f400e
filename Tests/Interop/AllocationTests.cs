using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;
using Sequor.Tests.Support;

namespace Sequor.Tests.Interop;

/// <summary>
/// What a training step calls allocates nothing. The virtual GPU allocates in every call, so that the functions
/// are replaced by ones that only return.
/// </summary>
public sealed unsafe class AllocationTests : InteropFixture
{
    [Test]
    public void Calls_of_a_step_allocate_nothing()
    {
        using CuDnnHandle dnn = CuDnnHandle.Create(Stream);
        using CuBlasHandle blas = CuBlasHandle.Create(Stream);
        RnnSettings settings = new()
        {
            Mode = cudnnRNNMode_t.CUDNN_GRU,
            InputSize = 3,
            HiddenSize = 5,
            PaddedIO = true,
        };
        using var run = new RnnRun(dnn, settings, 4, 4, 4);
        ConvolutionShape shape = new(5, 2, 3, 4, 3, 2);
        using var plan = ConvolutionPlan.Create(dnn, ConvolutionKind.Forward, shape);
        using var buffer = Context.Allocate<float>(128);
        using var pinned = Context.AllocatePinned<float>(128);
        using var scratch = Context.Allocate<byte>(plan.WorkspaceBytes + 1);
        using var mark = Context.CreateEvent();
        using var other = Context.CreateStream();
        buffer.Span.Clear(Stream);
        // Its descriptors are made now.
        plan.Execute(buffer, buffer.Slice(32), buffer, scratch);
        Stream.Synchronize();
        using CudaGraph graph = CudaGraph.Capture(Stream, () => buffer.Span.Clear(Stream));
        using CudaGraphExec exec = graph.Instantiate();
        pinned.Span.Clear();
        int[] lengths = [4, 2];

        using (Stub.Begin(Libraries))
            Assert.That(Allocated.LeastHere(Step), Is.Zero);

        void Step()
        {
            using (Context.MakeCurrent())
            {
                run.Calls.SetShape(
                    cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED,
                    4,
                    lengths
                );
                run.Calls.Forward(training: true, run.Tensors);
                run.Calls.BackwardData(run.Tensors);
                run.Calls.BackwardWeights(run.Tensors);
                plan.Execute(buffer, buffer.Slice(32), buffer, scratch);
                blas.Multiply(
                    new(buffer, 4, 4),
                    false,
                    new(buffer, 4, 4),
                    true,
                    new(buffer.Slice(16), 4, 4)
                );
                blas.SetStream(other);
                blas.SetStream(Stream);
                buffer.Span.EnqueueCopyFrom(pinned, Stream);
                buffer.Span.EnqueueCopyTo(pinned, Stream);
                buffer.Slice(0, 4).CopyFrom(buffer.Slice(4, 4), Stream);
                buffer.Span.Fill(1, Stream);
                mark.Record(Stream);
                other.Wait(mark);
                exec.Launch(Stream);
            }
            Stream.Synchronize();
        }
    }
}
