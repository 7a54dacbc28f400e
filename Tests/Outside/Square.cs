using System.Text;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;

namespace Sequor.Outside;

/// <summary>y = x^2 by code of its own: a loop on a CPU, and kernels on a GPU, which a captured step has in its graph.</summary>
public sealed class Square(int size) : Layer
{
    public override int InputSize { get; } = size;

    public override int OutputSize => InputSize;

    protected override LayerPlan CreatePlan(PlanBuilder builder, Shape input, out Shape output)
    {
        output = input;
        return builder.Backend is CudaBackend gpu
            ? new OnGpu(gpu, builder, input)
            : new OnCpu(builder, input);
    }

    private abstract class Passes : LayerPlan
    {
        private readonly TensorOperations _operations;
        private readonly GradientFlow _flow;
        private readonly Slot _output;

        // Made once: a step takes no memory.
        private readonly Action _forward;
        private readonly Action _backward;

        protected Passes(PlanBuilder builder, Shape shape)
        {
            _operations = builder.Operations;
            _flow = builder.Gradients;
            _output = builder.Output(shape);
            _forward = ComputeForward;
            _backward = ComputeBackward;
        }

        protected Tensor X { get; private set; }

        protected Tensor Y { get; private set; }

        /// <summary>The gradient by y, which becomes that by x.</summary>
        protected Tensor Gradient { get; private set; }

        public override Tensor Forward(Tensor x)
        {
            X = x;
            Y = _output.For(x.Shape.First, x.Shape[1]);
            _operations.Run(_forward, Y);
            return Y;
        }

        public override Tensor Backward(Tensor dy)
        {
            Gradient = _flow.Whole(dy, X.Shape.First);
            _operations.Run(_backward, Gradient);
            return Gradient;
        }

        protected abstract void ComputeForward();

        protected abstract void ComputeBackward();
    }

    private sealed unsafe class OnCpu(PlanBuilder builder, Shape shape) : Passes(builder, shape)
    {
        protected override void ComputeForward()
        {
            float* x = (float*)X.Address;
            float* y = (float*)Y.Address;
            for (long i = 0; i < X.Count; i++)
                y[i] = x[i] * x[i];
        }

        protected override void ComputeBackward()
        {
            float* x = (float*)X.Address;
            float* gradient = (float*)Gradient.Address;
            for (long i = 0; i < X.Count; i++)
                gradient[i] *= 2 * x[i];
        }
    }

    private sealed class OnGpu : Passes
    {
        private const int Threads = 128;

        private readonly CudaBackend _gpu;
        private readonly CudaModule _module;
        private readonly CudaKernel _square;
        private readonly CudaKernel _slope;

        public OnGpu(CudaBackend gpu, PlanBuilder builder, Shape shape)
            : base(builder, shape)
        {
            _gpu = gpu;
            _module = gpu.Context.LoadModule(Encoding.UTF8.GetBytes(Ptx));
            _square = _module.Kernel("square");
            _slope = _module.Kernel("square_slope");
        }

        protected override void ComputeForward() => Launch(_square, Y);

        protected override void ComputeBackward() => Launch(_slope, Gradient);

        private void Launch(CudaKernel kernel, Tensor written) =>
            kernel.Launch(
                _gpu.Stream,
                (int)((X.Count + Threads - 1) / Threads),
                Threads,
                0,
                (long)X.Address,
                (long)written.Address,
                (int)X.Count
            );

        public override void Dispose()
        {
            _module.Dispose();
            base.Dispose();
        }
    }

    // square: y = x * x; square_slope: y = y * 2 x. A thread a value.
    private const string Ptx = """
        .version 7.8
        .target sm_75
        .address_size 64

        .visible .entry square(
            .param .u64 square_x,
            .param .u64 square_y,
            .param .u32 square_count
        )
        {
            .reg .pred %p<2>;
            .reg .b32 %r<6>;
            .reg .f32 %f<3>;
            .reg .b64 %rd<8>;
            ld.param.u64 %rd1, [square_x];
            ld.param.u64 %rd2, [square_y];
            ld.param.u32 %r1, [square_count];
            mov.u32 %r2, %ctaid.x;
            mov.u32 %r3, %ntid.x;
            mov.u32 %r4, %tid.x;
            mad.lo.s32 %r5, %r2, %r3, %r4;
            setp.ge.s32 %p1, %r5, %r1;
            @%p1 bra $done_square;
            cvta.to.global.u64 %rd3, %rd1;
            cvta.to.global.u64 %rd4, %rd2;
            mul.wide.s32 %rd5, %r5, 4;
            add.s64 %rd6, %rd3, %rd5;
            add.s64 %rd7, %rd4, %rd5;
            ld.global.f32 %f1, [%rd6];
            mul.rn.f32 %f2, %f1, %f1;
            st.global.f32 [%rd7], %f2;
        $done_square:
            ret;
        }

        .visible .entry square_slope(
            .param .u64 slope_x,
            .param .u64 slope_y,
            .param .u32 slope_count
        )
        {
            .reg .pred %p<2>;
            .reg .b32 %r<6>;
            .reg .f32 %f<5>;
            .reg .b64 %rd<8>;
            ld.param.u64 %rd1, [slope_x];
            ld.param.u64 %rd2, [slope_y];
            ld.param.u32 %r1, [slope_count];
            mov.u32 %r2, %ctaid.x;
            mov.u32 %r3, %ntid.x;
            mov.u32 %r4, %tid.x;
            mad.lo.s32 %r5, %r2, %r3, %r4;
            setp.ge.s32 %p1, %r5, %r1;
            @%p1 bra $done_slope;
            cvta.to.global.u64 %rd3, %rd1;
            cvta.to.global.u64 %rd4, %rd2;
            mul.wide.s32 %rd5, %r5, 4;
            add.s64 %rd6, %rd3, %rd5;
            add.s64 %rd7, %rd4, %rd5;
            ld.global.f32 %f1, [%rd6];
            ld.global.f32 %f2, [%rd7];
            add.rn.f32 %f3, %f1, %f1;
            mul.rn.f32 %f4, %f2, %f3;
            st.global.f32 [%rd7], %f4;
        $done_slope:
            ret;
        }
        """;
}
