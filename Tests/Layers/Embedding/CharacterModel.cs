using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>A character model with all that its training takes, and a small text to learn.</summary>
internal sealed class CharacterModel : IDisposable
{
    public const int Length = 16;
    public const int Batch = 6;

    // Words that follow each other at random: within a word the next character is nearly always certain.
    private static readonly string[] Words = ["sequor ", "tempora ", "mutantur ", "nos ", "et "];
    private static readonly string Text = MakeText(1500);
    private static readonly char[] Alphabet = [.. Text.Distinct().Order()];

    private readonly Layer _model;
    private readonly float[] _x = new float[Length * Batch];
    private readonly float[] _targets = new float[Length * Batch];

    public CharacterModel(string kind, Backend backend)
    {
        Layer net = kind switch
        {
            "gru" => new Gru(8, 24),
            "tcn" => new Tcn(8, [24, 24], 3),
            "lru" => new Lru(8, 24, 16, 1),
            _ => throw new ArgumentException(kind, nameof(kind)),
        };
        _model = new Sequential(new Embedding(Classes, 8), net, new Linear(24, Classes));
        Plan = _model.Plan(backend, Length, Batch, Mode.Training, new PlanOptions { Seed = 3 });
        Loss = new SoftmaxCrossEntropy(Plan);
        Optimizer = new Adam(Plan, 0.01f);
    }

    public static int Classes => Alphabet.Length;

    public Plan Plan { get; }
    public SoftmaxCrossEntropy Loss { get; }
    public Optimizer Optimizer { get; }

    /// <summary>One step on a batch of its number, which the host hands over.</summary>
    public void Step(int number)
    {
        Fill(number);
        Plan.Forward(_x, Length, Batch);
        Learn();
    }

    /// <summary>One step with an input that lies on the device.</summary>
    public void Step(Tensor x, int number)
    {
        Fill(number);
        Plan.Forward(x);
        Learn();
    }

    private void Learn()
    {
        Plan.Backward(Loss.Compute(_targets));
        Optimizer.Step(1f);
    }

    private void Fill(int number)
    {
        var draw = new Draw((ulong)number);
        for (int b = 0; b < Batch; b++)
        {
            int from = draw.Next(Text.Length - Length);
            for (int t = 0; t < Length; t++)
            {
                _x[t * Batch + b] = Array.IndexOf(Alphabet, Text[from + t]);
                _targets[t * Batch + b] = Array.IndexOf(Alphabet, Text[from + t + 1]);
            }
        }
    }

    private static string MakeText(int length)
    {
        var draw = new Draw(9);
        string text = "";
        while (text.Length < length)
            text += Words[draw.Next(Words.Length)];
        return text;
    }

    public void Dispose()
    {
        Optimizer.Dispose();
        Loss.Dispose();
        Plan.Dispose();
        _model.Dispose();
    }
}
