// A training step in a CUDA graph of one's own: the caller captures the stream, Sequor's step becomes part of the graph, and each launch
// trains on what lies on the device then. dotnet run 08-own-graph.cs [LAUNCHES]
#:package Sequor.Layers@*-*
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;

const int T = 16;
const int B = 8;
int launches = 20;
if (args.Length > 1 || (args.Length == 1 && !(int.TryParse(args[0], out launches) && launches > 0)))
{
    Console.Error.WriteLine("usage: dotnet run 08-own-graph.cs [LAUNCHES], 1 or more");
    return 2;
}
CudaLibraries libraries = CudaLibraries.Shared;
if (libraries.Failure is { } failure)
{
    Console.Error.WriteLine($"This example needs a GPU: {failure.Reason}");
    return 1;
}
using CudaContext context = CudaContext.Primary(libraries.Device());
using CudaStream stream = context.CreateStream(); // the legacy default stream cannot be captured
using var gpu = new CudaBackend(context, stream);
using var model = new Sequential(new Gru(2, 16), new Last(16), new Linear(16, 1));
using Plan plan = model.Plan(gpu, T, B, Mode.Training);
using var loss = new MeanSquaredError(plan);
using var adam = new Adam(plan, learningRate: 1e-2f) { MaxGradientNorm = 1f };
using DeviceBuffer<float> sum = context.Allocate<float>(1); // of the caller's own work in the graph
var random = new Random(1);

// Once as it is: kernels are loaded and memory is taken, which a capture forbids.
Load();
Step();

using CudaGraph graph = CudaGraph.Capture(
    stream,
    () =>
    {
        sum.Span.Fill(0f, stream); // work of the caller's own, before the step
        Step();
    }
);
using CudaGraphExec exec = graph.Instantiate();
Console.WriteLine($"the graph has {graph.NodeCount} nodes");

for (int i = 0; i < launches; i++)
{
    Load(); // writes to the addresses that the graph reads
    exec.Launch(stream);
    if (i % 5 == 4 || i == launches - 1)
        Console.WriteLine($"launch {i + 1}: loss {loss.ReadValue():F4}"); // waits for the stream
}
return 0;

// What a graph can hold: nothing here copies from or to the host, or waits.
void Step()
{
    plan.Forward(plan.Input(T, B));
    plan.Backward(loss.Compute());
    adam.Step();
}

// Sequences of numbers, of which the last output is to be the sum of those that are marked.
void Load()
{
    float[] x = new float[T * B * 2];
    float[] y = new float[B];
    for (int b = 0; b < B; b++)
    {
        for (int t = 0; t < T; t++)
        {
            float number = random.NextSingle() - 0.5f;
            bool marked = t % (T / 2) == b % (T / 2);
            (x[(t * B + b) * 2], x[(t * B + b) * 2 + 1]) = (number, marked ? 1 : 0);
            y[b] += marked ? number : 0;
        }
    }
    plan.SetInput(x, T, B);
    loss.SetTargets(y);
}
