// An LRU learns a resonant low-pass filter from noise that went through it, and then runs as the filter: one sample comes in, one goes
// out, and the plan keeps the state between them. dotnet run 03-lru-filter.cs [STEPS] [SAMPLES]
#:package Sequor.Layers@*-*
using System.Diagnostics;
using Sequor.Layers;

const int Rate = 16000;
const int Length = 256;
const int Signals = 16;
int[] given = [.. args.Select(text => int.TryParse(text, out int number) ? number : 0)];
if (given.Length > 2 || given.Any(number => number < 1))
{
    Console.Error.WriteLine(
        "usage: dotnet run 03-lru-filter.cs [STEPS] [SAMPLES], whole numbers from 1 on"
    );
    return 2;
}
int steps = given.Length > 0 ? given[0] : 1500;
int samples = given.Length > 1 ? given[1] : Rate;

using var backend = Backend.Create(Device.Cpu); // a sample at a time is no work for a GPU
using var model = new Sequential(
    new Lru(
        inputSize: 1,
        modelSize: 16,
        stateSize: 16,
        blocks: 1,
        new LruOptions { Norm = NormKind.Batch }
    ),
    new Linear(16, 1)
);
var random = new Random(1);
float[] x = new float[Length * Signals];
float[] y = new float[Length * Signals];
using (Plan plan = model.Plan(backend, Length, Signals, Mode.Training))
using (var loss = new MeanSquaredError(plan))
using (var adam = new Adam(plan, learningRate: 1e-2f) { MaxGradientNorm = 1f })
{
    var schedule = new WarmupCosine(steps);
    for (int step = 0; step < steps; step++)
    {
        for (int signal = 0; signal < Signals; signal++)
        {
            var filter = new LowPass(Rate, cutoff: 800, resonance: 2);
            for (int t = 0; t < Length; t++) // [T, B, 1]: all signals of a sample, then those of the next
                y[t * Signals + signal] = filter.Next(x[t * Signals + signal] = Noise(random));
        }
        adam.LearningRate = schedule.RateAt(step, 1e-2f);
        plan.Forward(x, Length, Signals);
        plan.Backward(loss.Compute(y));
        adam.Step();
        if ((step + 1) % Math.Max(1, steps / 3) == 0)
            Console.WriteLine($"step {step + 1}: mean squared error {loss.ReadValue():F6}");
    }
}

using Plan stream = model.Plan(backend, maxLength: 1, maxBatch: 1, Mode.Streaming);
var wanted = new LowPass(Rate, cutoff: 800, resonance: 2);
float[] sample = new float[1];
double error = 0;
double power = 0;
long busy = 0;
for (int t = 0; t < samples; t++)
{
    float input = Noise(random);
    long began = Stopwatch.GetTimestamp();
    sample[0] = input;
    stream.Forward(sample, length: 1, batch: 1).Read(sample); // goes on from the state of the last call
    busy += Stopwatch.GetTimestamp() - began;
    float expected = wanted.Next(input);
    error += (sample[0] - expected) * (double)(sample[0] - expected);
    power += expected * (double)expected;
}
stream.Reset(); // the next signal would begin with silence
Console.WriteLine(
    $"streamed {samples} samples: error {10 * Math.Log10(power / error):F1} dB below the signal"
);
Console.WriteLine(
    $"{busy * 1e6 / Stopwatch.Frequency / samples:F2} us a sample, of {1e6 / Rate:F1} us that there are"
);
return 0;

static float Noise(Random random) => random.NextSingle() * 2 - 1;

/// <summary>The low-pass filter of R. Bristow-Johnson's Audio EQ Cookbook, in direct form I.</summary>
internal sealed class LowPass
{
    private readonly double _b0,
        _b1,
        _a1,
        _a2;
    private double _x1,
        _x2,
        _y1,
        _y2;

    public LowPass(double rate, double cutoff, double resonance)
    {
        double w = 2 * Math.PI * cutoff / rate;
        double alpha = Math.Sin(w) / (2 * resonance);
        (_b1, _b0) = ((1 - Math.Cos(w)) / (1 + alpha), (1 - Math.Cos(w)) / 2 / (1 + alpha));
        (_a1, _a2) = (-2 * Math.Cos(w) / (1 + alpha), (1 - alpha) / (1 + alpha));
    }

    public float Next(float x)
    {
        double y = _b0 * (x + _x2) + _b1 * _x1 - _a1 * _y1 - _a2 * _y2;
        (_x2, _x1, _y2, _y1) = (_x1, x, _y1, y);
        return (float)y;
    }
}
