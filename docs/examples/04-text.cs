// A GRU learns to write like a text of yours, character by character, and then goes on from a beginning that you give it.
// dotnet run 04-text.cs book.txt [STEPS] [TEMPERATURE] [BEGINNING]
#:package Sequor.Workloads@*-*
using System.Globalization;
using System.Text;
using Sequor.Layers;
using Sequor.Workloads;

const int Length = 100;
const int Characters = 400;
int steps = 1500;
float temperature = 0.7f;
if (
    args.Length is < 1 or > 4
    || (args.Length > 1 && !(int.TryParse(args[1], out steps) && steps > 0))
    || (
        args.Length > 2
        && !(
            float.TryParse(
                args[2],
                NumberStyles.Float,
                CultureInfo.InvariantCulture,
                out temperature
            ) && temperature is >= 0 and <= 10
        )
    )
    || args is [_, _, _, ""]
)
{
    Console.Error.WriteLine(
        "usage: dotnet run 04-text.cs FILE [STEPS] [TEMPERATURE] [BEGINNING]; steps from 1 on, a temperature from 0 (always the likeliest) to 10"
    );
    return 2;
}
TextData text;
try
{
    text = TextData.Load(args[0]); // each byte is a character
    text.RequireSequences(Length);
}
catch (Exception e) when (e is TaskDataException or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}

using var backend = Backend.Create(Device.Auto);
using var model = new Sequential(
    new Embedding(TextData.Characters, 64), // the input is the number of a character
    new Gru(64, 256),
    new Linear(256, TextData.Characters)
);
using (
    var trainer = new Trainer(
        model,
        TextData.Cut("train", text.Train, Length),
        TextData.Cut("valid", text.Valid, Length),
        backend,
        plan => new Adam(plan, learningRate: 4e-3f),
        new TrainingOptions
        {
            Batch = 32,
            Steps = steps,
            Clip = 1f,
            Schedule = new WarmupCosine(steps),
        }
    )
)
{
    trainer.LossRead = (step, loss) =>
    {
        if ((step + 1) % Math.Max(1, steps / 5) == 0)
            Console.WriteLine($"step {step + 1}: {loss:F3} nats a character");
    };
    trainer.Run();
    Console.WriteLine($"held out: {trainer.Evaluate():F3} nats a character");
}

// A streaming plan keeps the GRU's state from call to call, so each character costs one step.
using Plan stream = model.Plan(backend, maxLength: 1, maxBatch: 1, Mode.Streaming);
var random = new Random(1);
float[] logits = new float[TextData.Characters];
byte[] beginning = Encoding.UTF8.GetBytes(args.ElementAtOrDefault(3) ?? "\n");
var written = new List<byte>();
for (int i = 0; written.Count < Characters; i++)
{
    byte character = i < beginning.Length ? beginning[i] : written[^1];
    stream.Forward([character], length: 1, batch: 1).Read(logits);
    if (i >= beginning.Length - 1)
        written.Add(Sample(logits, temperature, random));
}

// Bytes that are no whole character of UTF-8 become marks.
foreach (string line in Encoding.UTF8.GetString([.. beginning, .. written]).Trim('\n').Split('\n'))
    Console.WriteLine($"> {line}".TrimEnd());
return 0;

// The likelihoods are exp(logit / temperature): a low temperature takes what is likely even more often.
static byte Sample(ReadOnlySpan<float> logits, float temperature, Random random)
{
    int best = 0;
    for (int i = 1; i < logits.Length; i++)
        best = logits[i] > logits[best] ? i : best;
    if (temperature == 0)
        return (byte)best;
    Span<double> weights = stackalloc double[logits.Length];
    double sum = 0;
    for (int i = 0; i < logits.Length; i++)
        sum += weights[i] = Math.Exp((logits[i] - logits[best]) / temperature);
    double drawn = random.NextDouble() * sum;
    for (int i = 0; i < logits.Length; i++)
    {
        drawn -= weights[i];
        if (drawn < 0)
            return (byte)i;
    }
    return (byte)best;
}
