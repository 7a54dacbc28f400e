using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Native;
using Sequor.Tests.Support;
using Sequor.VirtualGpu;
using CudaContext = Sequor.Interop.CudaContext;

namespace Sequor.Tests.Cuda;

/// <summary>
/// Work that faults takes its context with it: whatever is called afterwards says so and names the first cause, and nothing
/// that is disposed throws.
/// </summary>
[TestFixture]
[NonParallelizable]
public sealed class LostContextTests
{
    private const int T = 6;
    private const int B = 3;

    private VirtualDevice _virtual = null!;
    private CudaContext _context = null!;
    private CudaStream _stream = null!;
    private CudaBackend _gpu = null!;

    [SetUp]
    public void Start()
    {
        (CudaLibraries libraries, VirtualDevice? device) = TestGpu.Start(isVirtual: true);
        _virtual = device!;
        _context = CudaContext.Primary(libraries.Device());
        _stream = _context.CreateStream();
        _gpu = new CudaBackend(_context, _stream);
    }

    [TearDown]
    public void End()
    {
        // None of them throws.
        _gpu.Dispose();
        _stream.Dispose();
        _context.Dispose();
        int holds = _virtual.PrimaryHolds;
        _virtual.Dispose();
        // The context goes with the last object that was made in it.
        Assert.That(holds, Is.Zero, "an object was not released");
    }

    [Test]
    public void A_kernel_that_reads_freed_memory_is_told_by_all_that_comes_after(
        [Values] bool recurrent
    )
    {
        Layer layer = recurrent ? new Gru(2, 5) : new Tcn(2, [5], 2);
        using var model = new Sequential(layer, new Linear(5, 3));
        Plan plan = model.Plan(_gpu, T, B, Mode.Training);
        var loss = new MeanSquaredError(plan);
        var adam = new Adam(plan, 0.01f);
        float[] targets = new Draw(2).Uniform(T * B * 3);
        Tensor freed = Freed(new Shape(T, B, 2));

        // It shows in whatever call comes when it has run; a library's own error tells of it too.
        Exception first = Assert.Catch(() =>
        {
            plan.Forward(freed);
            plan.Backward(loss.Compute(targets));
            adam.Step(1f);
            loss.ReadValue();
        })!;

        Assert.That(
            first,
            Is.TypeOf<CudaException>().Or.TypeOf<CublasException>().Or.TypeOf<CudnnException>()
        );
        Assert.That(_context.Lost?.Status, Is.EqualTo(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS));
        Assert.That(first.Message, Does.Contain(_context.Lost!.Message));
        string cause = _context.Lost.Message;
        Assert.That(
            cause,
            Does.Contain("CUDA_ERROR_ILLEGAL_ADDRESS")
                .And.Contain("The context is lost")
                .And.Contain(recurrent ? "cudnnRNNForward" : "cublasSgemm")
        );
        (string Name, Action Call)[] calls =
        [
            ("forward", () => plan.Forward(new float[T * B * 2], T, B)),
            ("loss", () => loss.ReadValue()),
            ("optimizer", () => adam.Step(1f)),
            ("parameters", () => plan.Parameters.ToArray()),
            ("allocation", () => _gpu.Allocate(10, MemoryCategory.Workspace)),
            ("another plan", () => model.Plan(_gpu, T, B, Mode.Evaluation)),
            ("wait", _gpu.Synchronize),
            ("query", () => _ = _stream.IsIdle),
            ("event", () => _context.CreateEvent().Dispose()),
        ];
        Assert.Multiple(() =>
        {
            foreach ((string name, Action call) in calls)
            {
                Exception? e = Assert.Throws<CudaException>(call, name);
                Assert.That(e!.Message, Does.Contain(cause), name);
                Assert.That(e.InnerException, Is.SameAs(_context.Lost), name);
            }
        });
        Assert.DoesNotThrow(() =>
        {
            adam.Dispose();
            loss.Dispose();
            plan.Dispose();
        });
        ((DeviceBuffer<float>)freed.Storage.Block!).Dispose();
        // What was planted, and nothing after it.
        VirtualFault fault = _virtual.TakeFaults().Single();
        Assert.That(fault.Kind, Is.EqualTo(FaultKind.UseAfterFree));
    }

    private void Scale(Tensor x) =>
        _gpu.Pointwise(
            PointwiseOp.MultiplyAdd,
            new PointwiseArguments
            {
                A = x,
                Row = x,
                Out = x,
            }
        );

    [Test]
    public void The_kernels_since_the_last_wait_are_named()
    {
        Tensor x = _gpu.Allocate(new Shape(40), MemoryCategory.Workspace);
        x.Write(new float[40]);
        Scale(x);
        _gpu.Synchronize();
        for (int i = 0; i < 3; i++)
            _gpu.Pointwise(
                PointwiseOp.Add,
                new PointwiseArguments
                {
                    A = x,
                    B = x,
                    Out = x,
                }
            );
        _virtual.Poison(CUresult.CUDA_ERROR_LAUNCH_TIMEOUT);

        string message = Assert.Throws<CudaException>(_gpu.Synchronize)!.Message;

        Assert.That(
            message,
            Does.Contain(" gave CUDA_ERROR_LAUNCH_TIMEOUT")
                .And.Contain(" x 3")
                .And.Not.Contain("times_row")
        );
        x.Storage.Dispose();
    }

    [Test]
    public void A_launch_that_fails_names_its_kernel()
    {
        Tensor x = _gpu.Allocate(new Shape(40), MemoryCategory.Workspace);
        x.Write(new float[40]);
        _virtual.Refuse("cuLaunchKernel", (int)CUresult.CUDA_ERROR_LAUNCH_FAILED, times: 1);

        Assert.Throws<CudaException>(Launch);

        // Only the driver's first word counts: the context does not come back.
        string message = Assert.Throws<CudaException>(Launch)!.Message;
        Assert.That(
            message,
            Does.StartWith("An earlier error")
                .And.Contain("cuLaunchKernel")
                .And.Contain("times_row")
        );
        x.Storage.Dispose();

        void Launch() => Scale(x);
    }

    [Test]
    public void Errors_of_cudnn_and_cublas_tell_of_a_context_that_is_lost([Values] bool cuDnn)
    {
        using Layer layer = cuDnn ? new Gru(2, 5) : new Linear(2, 5);
        Plan plan = layer.Plan(_gpu, T, B, Mode.Training);
        Tensor x = plan.Input(T, B);
        x.Write(new float[x.Count]);
        _virtual.Poison(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);

        Exception e = Assert.Catch(() => plan.Forward(x))!;

        Assert.That(e, cuDnn ? Is.TypeOf<CudnnException>() : Is.TypeOf<CublasException>());
        Assert.That(
            e.Message,
            Does.Contain("An earlier error has lost the CUDA context")
                .And.Contain("CUDA_ERROR_ILLEGAL_ADDRESS")
        );
        Assert.Throws<CudaException>(_gpu.Synchronize);
        plan.Dispose();
    }

    [Test]
    public void An_error_that_loses_nothing_is_forgotten()
    {
        _virtual.Refuse("cuStreamSynchronize", (int)CUresult.CUDA_ERROR_NOT_SUPPORTED, times: 1);
        Assert.Throws<CudaException>(_gpu.Synchronize);
        Assert.That(_context.Lost, Is.Null);
        Assert.DoesNotThrow(_gpu.Synchronize);
    }

    // Memory of a caller's, who frees it too early.
    private Tensor Freed(Shape shape)
    {
        using var buffer = _context.Allocate<float>(shape.Count);
        buffer.Span.Clear(_stream);
        return _gpu.Wrap((nint)buffer.Handle.Value, shape);
    }
}
