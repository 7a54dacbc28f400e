using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Layers;

/// <summary>A small character model over an embedding learns a generated text with each kind of sequence layer.</summary>
public sealed class CharacterModelTests
{
    // In nats a character. A word has about 6 characters, of which one or two are chosen among 5: a little over 0.3.
    private const double Learnt = 0.6;

    [TestCase("gru")]
    [TestCase("tcn")]
    [TestCase("lru")]
    public void A_character_model_learns_a_text(string kind)
    {
        using var model = new CharacterModel(kind, Backends.Get(Backends.Widths[0], 2));
        model.Step(0);
        Assert.That(model.Loss.ReadValue(), Is.GreaterThan(0.8 * Math.Log(CharacterModel.Classes)));
        double last = 0;
        for (int step = 1; step <= 400; step++)
        {
            model.Step(step);
            if (step > 390)
                last += model.Loss.ReadValue() / 10;
        }
        TestContext.Out.WriteLine($"{kind}: {last:f3} nats a character");
        Assert.That(last, Is.LessThan(Learnt));
    }
}
