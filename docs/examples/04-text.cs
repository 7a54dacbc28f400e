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
LanguageData text;
int[] beginning;
try
{
    text = LanguageData.LoadCharacters(args[0]); // its vocabulary are the characters that it has
    text.RequireSequences(Length);
    beginning = [.. Numbers(args.ElementAtOrDefault(3) ?? text.Vocabulary[0])];
}
catch (Exception e) when (e is TaskDataException or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}

using var backend = Backend.Create(Device.Auto);
using var model = new Sequential(
    new Embedding(text.Vocabulary.Count, 64), // the input is the number of a character
    new Gru(64, 256),
    new Linear(256, text.Vocabulary.Count)
);
using (
    var trainer = new Trainer(
        model,
        text.Continuous("train", text.Train, Length),
        text.Continuous("valid", text.Valid, Length),
        backend,
        plan => new Adam(plan, learningRate: 4e-3f),
        new TrainingOptions
        {
            Batch = 32,
            Steps = steps,
            Clip = 1f,
            Schedule = new WarmupCosine(steps),
            Carry = true, // the GRU's state goes on from window to window
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
float[] logits = new float[text.Vocabulary.Count];
var written = new List<int>();
for (int i = 0; written.Count < Characters; i++)
{
    int character = i < beginning.Length ? beginning[i] : written[^1];
    stream.Forward([character], length: 1, batch: 1).Read(logits);
    if (i >= beginning.Length - 1)
        written.Add(Sample(logits, temperature, random));
}

string said = string.Concat(beginning.Concat(written).Select(number => text.Vocabulary[number]));
foreach (string line in said.Trim('\n').Split('\n'))
    Console.WriteLine($"> {line}".TrimEnd());
return 0;

// The numbers of characters, which have to be those of the text.
IEnumerable<int> Numbers(string characters)
{
    foreach (Rune character in characters.EnumerateRunes())
    {
        int number = text.Vocabulary.ToList().IndexOf(character.ToString());
        yield return number >= 0
            ? number
            : throw new TaskDataException(
                $"'{args[0]}' has no '{character}', with which to begin."
            );
    }
}

// The likelihoods are exp(logit / temperature): a low temperature takes what is likely even more often.
static int Sample(ReadOnlySpan<float> logits, float temperature, Random random)
{
    int best = 0;
    for (int i = 1; i < logits.Length; i++)
        best = logits[i] > logits[best] ? i : best;
    if (temperature == 0)
        return best;
    Span<double> weights = stackalloc double[logits.Length];
    double sum = 0;
    for (int i = 0; i < logits.Length; i++)
        sum += weights[i] = Math.Exp((logits[i] - logits[best]) / temperature);
    double drawn = random.NextDouble() * sum;
    for (int i = 0; i < logits.Length; i++)
    {
        drawn -= weights[i];
        if (drawn < 0)
            return i;
    }
    return best;
}
