// Where the time and the memory of a training step of one's own model go: by layer, by operation, and as a trace that ui.perfetto.dev
// opens. dotnet run 09-profile.cs [TRACE.json] [DEVICE]
#:package Sequor.Workloads@*-*
using Sequor.Layers;
using Sequor.Workloads;

Device device = Device.Auto;
if (args.Length > 2 || (args.Length == 2 && !Device.TryParse(args[1], out device)))
{
    Console.Error.WriteLine(
        "usage: dotnet run 09-profile.cs [TRACE.json] [DEVICE]; a device of auto, cpu, cuda, cuda:N"
    );
    return 2;
}
Backend backend;
try
{
    backend = Backend.Create(device);
}
catch (DeviceUnavailableException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
using var owned = backend;
using var model = new Sequential(
    new Linear(2, 64),
    new Residual(new Sequential(new LayerNorm(64), new Gru(64, 64))),
    new Mean(64),
    new Linear(64, 1)
);
var task = new AddingProblem(100);
using Plan plan = model.Plan(backend, task.Length, maxBatch: 16, Mode.Training);
using var loss = new MeanSquaredError(plan);
using var adam = new Adam(plan, learningRate: 1e-3f);
var batch = new SequenceBatch(task, 16);

using Profile profile = Profile.Start(plan);
for (int i = 0; i < 20; i++) // the first ones compile code
{
    batch.Load(task, i * 16L, 16);
    using (profile.Step())
    {
        plan.Forward(batch.X, batch.Length, batch.Size);
        plan.Backward(loss.Compute(batch.Targets));
        adam.Step(clip: 1f);
    }
}
ProfiledStep step = profile.Read(); // of the last one; waits for the device

Console.WriteLine(
    $"one step: {step.Milliseconds:F3} ms on {backend.Info.Device}, in {step.Operations.Count} rows"
);
Console.WriteLine("by layer");
foreach (var layer in step.Operations.GroupBy(row => row.Layer))
    Console.WriteLine(
        $"  {layer.Key, -12} {layer.Sum(row => row.Milliseconds):F3} ms, {layer.Sum(row => row.Flops ?? 0)} operations"
    );
Console.WriteLine("by operation, the slowest three");
foreach (ProfiledOperation row in step.Operations.OrderByDescending(row => row.Nanoseconds).Take(3))
    Console.WriteLine(
        $"  {row.Milliseconds:F3} ms {row.Operation} of '{row.Layer}', {row.Pass} {row.Shapes}"
    );
Console.WriteLine(
    $"in use at the peak: {step.PeakBytes} bytes, of {step.Held.Sum(held => held.Bytes)} that are allocated"
);
foreach (OwnedMemory held in step.PeakOwners.Take(3))
    Console.WriteLine($"  {held.Bytes} bytes of '{held.Layer}': {held.Category}");

if (args.Length == 0)
    return 0;
try
{
    File.WriteAllBytes(args[0], ChromeTrace.ToUtf8(step, "my model"));
    Console.WriteLine($"the trace is in {args[0]}; ui.perfetto.dev opens it");
    return 0;
}
catch (Exception e) when (e is IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine($"The trace cannot be written: {e.Message}");
    return 1;
}
