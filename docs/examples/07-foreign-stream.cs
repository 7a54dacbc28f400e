// An LSTM on somebody else's memory and stream: another library has a CUDA context, a stream and pointers; Sequor's plan reads and
// writes them in place, queued in that stream, and frees and waits for nothing. "Theirs" is written in plain driver calls here, as any
// library may make them. dotnet run 07-foreign-stream.cs
#:package Sequor.Layers@*-*
#:property AllowUnsafeBlocks=true
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Native;

const int T = 20;
const int B = 4;
const int Inputs = 16;
const int Hidden = 32;
CudaLibraries libraries = CudaLibraries.Shared;
if (libraries.Failure is { } failure)
{
    Console.Error.WriteLine($"This example needs a GPU: {failure.Reason}");
    return 1;
}
CudaDriver driver = libraries.Driver;

// Theirs: the device's primary context, a stream, and four blocks of memory.
(CUdevice device, CUcontext theirContext, CUstream theirStream) = Open();
nint x = Allocate(T * B * Inputs);
nint dx = Allocate(T * B * Inputs);
nint y = Allocate(T * B * Hidden);
nint dy = Allocate(T * B * Hidden);
var random = new Random(1);
float[] input = [.. Enumerable.Range(0, T * B * Inputs).Select(_ => random.NextSingle() - 0.5f)];
float[] gradient = [.. Enumerable.Range(0, T * B * Hidden).Select(_ => random.NextSingle() - 0.5f)];
Write(x, input);
Write(dy, gradient);

// Ours: a backend in their context and stream. Disposing it leaves both alone.
using (CudaContext context = CudaContext.Attach((nint)theirContext.Value, libraries))
using (CudaStream stream = CudaStream.Attach(context, (nint)theirStream.Value))
using (var gpu = new CudaBackend(context, stream))
using (var lstm = new Lstm(Inputs, Hidden))
using (Plan plan = lstm.Plan(gpu, T, B, Mode.Training, new PlanOptions { InputGradient = true }))
{
    plan.Forward(gpu.Wrap(x, new Shape(T, B, Inputs))); // [T, B, C], float32, row-major
    plan.Output.CopyTo(gpu.Wrap(y, new Shape(T, B, Hidden))); // or give plan.Output.Address to what comes next
    plan.Backward(gpu.Wrap(dy, new Shape(T, B, Hidden)));
    plan.InputGradient.CopyTo(gpu.Wrap(dx, new Shape(T, B, Inputs)));
}

// Theirs again: what comes next in their stream finds y and dx written.
float[] output = Read(y, T * B * Hidden);
float[] inputGradient = Read(dx, T * B * Inputs);
foreach (nint block in (nint[])[x, dx, y, dy])
    Check(driver.cuMemFree(new CUdeviceptr((ulong)block)));
Check(driver.cuStreamDestroy(theirStream));
unsafe
{
    Check(driver.cuCtxPopCurrent(null));
}
Check(driver.cuDevicePrimaryCtxRelease(device));

// The same on the CPU, whose weights are the same for the same seed.
using var cpu = Backend.Create(Device.Cpu);
using var reference = new Lstm(Inputs, Hidden);
using Plan expected = reference.Plan(
    cpu,
    T,
    B,
    Mode.Training,
    new PlanOptions { InputGradient = true }
);
using Storage memory = cpu.Allocate(T * B * Hidden, MemoryCategory.InputOutput);
Tensor cpuGradient = memory.View(new Shape(T, B, Hidden));
cpuGradient.Write(gradient);
expected.Forward(input, T, B);
expected.Backward(cpuGradient);
Console.WriteLine(
    $"outputs differ from the CPU's by {Largest(output, expected.Output.ToArray()):E1} at most"
);
Console.WriteLine(
    $"gradients by the input by {Largest(inputGradient, expected.InputGradient.ToArray()):E1}"
);
return 0;

unsafe (CUdevice, CUcontext, CUstream) Open()
{
    CUdevice first;
    CUcontext primary;
    CUstream made;
    Check(driver.cuDeviceGet(&first, 0));
    Check(driver.cuDevicePrimaryCtxRetain(&primary, first));
    Check(driver.cuCtxPushCurrent(primary));
    Check(driver.cuStreamCreate(&made, (uint)CUstream_flags.CU_STREAM_NON_BLOCKING));
    return (first, primary, made);
}

unsafe nint Allocate(int floats)
{
    CUdeviceptr address;
    Check(driver.cuMemAlloc(&address, (nuint)floats * sizeof(float)));
    return (nint)address.Value;
}

unsafe void Write(nint place, float[] values)
{
    fixed (float* first = values)
        Check(
            driver.cuMemcpyHtoDAsync(
                new CUdeviceptr((ulong)place),
                first,
                (nuint)values.Length * sizeof(float),
                theirStream
            )
        );
    Check(driver.cuStreamSynchronize(theirStream));
}

unsafe float[] Read(nint place, int count)
{
    float[] values = new float[count];
    fixed (float* first = values)
        Check(
            driver.cuMemcpyDtoHAsync(
                first,
                new CUdeviceptr((ulong)place),
                (nuint)count * sizeof(float),
                theirStream
            )
        );
    Check(driver.cuStreamSynchronize(theirStream));
    return values;
}

static void Check(CUresult result)
{
    if (result != CUresult.CUDA_SUCCESS)
        throw new InvalidOperationException($"The driver gave {result}.");
}

static float Largest(float[] a, float[] b) =>
    a.Zip(b, (p, q) => float.IsNaN(p - q) ? float.PositiveInfinity : Math.Abs(p - q)).Max();
