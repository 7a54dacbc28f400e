using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>What of copy memory had to be remembered: which steps count, and the share of right answers that a run tells.</summary>
[TestFixture]
public sealed class RecallTests
{
    private const int Delay = 7;

    private static readonly Preset Preset = Presets
        .Read(
            """
            {
              "schema": "sequor.presets/1",
              "training": {
                "t": { "optimizer": "adam", "rate": 0.01, "batch": 8, "epochs": 1, "sequences": 40 }
              },
              "presets": [
                {
                  "task": "copy", "arch": "gru", "preset": "p", "training": "t", "length": 7, "budget": 180,
                  "model": { "hidden": 5, "depth": 1, "dropout": 0 }
                }
              ]
            }
            """,
            "mine"
        )
        .Single();

    [Test]
    public void The_ten_digits_at_the_end_count_and_nothing_else()
    {
        Dataset recall = Preset.TaskEntry.CreateRecall(Delay)!;
        Dataset test = Preset.CreateSets(1, null).Test;
        Assert.That(recall.Count, Is.EqualTo(test.Count));
        var weighted = new SequenceBatch(recall, 3);
        var plain = new SequenceBatch(test, 3);
        weighted.Load(recall, 5, 3);
        plain.Load(test, 5, 3);
        for (int b = 0; b < 3; b++)
        {
            for (int t = 0; t < Delay + 20; t++)
            {
                Assert.That(weighted.Input(t, b)[0], Is.EqualTo(plain.Input(t, b)[0]));
                Assert.That(weighted.Target(t, b)[0], Is.EqualTo(plain.Target(t, b)[0]));
                Assert.That(weighted.Weight(t, b), Is.EqualTo(t >= Delay + 10 ? 1f : 0f));
            }
        }
        Assert.That(new CopyMemory(Delay, digitsAlone: true).Baseline, Is.EqualTo(Math.Log(8)));
        Assert.That(Tasks.Get("adding").CreateRecall(10), Is.Null);
    }

    [Test]
    public void A_run_tells_the_share_of_right_digits()
    {
        using var backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        ReproductionResult result = new Reproduction(Preset, null, backend).Run(
            new ReproductionOptions()
        );
        Assert.That(result.Recalled, Is.EqualTo(result.Runs[0].Recalled));
        Assert.That(result.Length, Is.EqualTo(Delay));
        Assert.That(result.EpochsAsked, Is.EqualTo(1));

        // The same by counting the answers of the same model.
        (Dataset train, Dataset valid, Dataset test) = Preset.CreateSets(1, null);
        using Sequential model = Preset.CreateModel();
        using var trainer = new Trainer(
            model,
            train,
            valid,
            backend,
            Preset.CreateOptimizer,
            Preset.OptionsFor(1, train.Count!.Value)
        );
        trainer.Run();
        trainer.RestoreBest();
        const int Steps = Delay + 20;
        var batch = new SequenceBatch(test, test.Count!.Value);
        batch.Load(test, 0, test.Count.Value);
        int right = 0;
        for (int b = 0; b < test.Count; b++)
        {
            float[] x = [.. Enumerable.Range(0, Steps).Select(t => batch.Input(t, b)[0])];
            Prediction answer = model.Predict(x, Steps);
            for (int t = Steps - 10; t < Steps; t++)
            {
                ReadOnlySpan<float> scores = answer.At(t, 0);
                int most = 0;
                for (int c = 1; c < scores.Length; c++)
                    most = scores[c] > scores[most] ? c : most;
                right += most == (int)batch.Target(t, b)[0] ? 1 : 0;
            }
        }
        Assert.That(
            result.Recalled,
            Is.EqualTo(100.0 * right / (10 * test.Count!.Value)).Within(0.05)
        );
    }
}
