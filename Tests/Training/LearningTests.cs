using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Tests.Workloads;
using Sequor.Workloads;

namespace Sequor.Tests.Training;

/// <summary>Shortened reproductions that must learn what there is to learn.</summary>
[TestFixture]
[Category("Long")]
public sealed class LearningTests
{
    private const string Texts = """
        {
          "schema": "sequor.presets/1",
          "training": {
            "music": { "optimizer": "adam", "rate": 0.005, "clip": 1, "batch": 4, "epochs": 60, "patience": 20 },
            "adding": { "optimizer": "adam", "rate": 0.004, "batch": 32, "epochs": 8, "sequences": 10000 },
            "copy": { "optimizer": "rmsprop", "rate": 0.0005, "clip": 1, "batch": 32, "epochs": 12, "sequences": 10000 }
          },
          "presets": [
            {
              "task": "jsb", "arch": "tcn", "preset": "short", "training": "music", "budget": 20000,
              "model": { "hidden": 30, "depth": 3, "kernel": 2, "dropout": 0 }
            },
            {
              "task": "jsb", "arch": "gru", "preset": "short", "training": "music", "budget": 20000,
              "model": { "hidden": 41, "depth": 1, "dropout": 0 }
            },
            {
              "task": "jsb", "arch": "lstm", "preset": "short", "training": "music", "budget": 20000,
              "model": { "hidden": 34, "depth": 1, "dropout": 0 }
            },
            {
              "task": "jsb", "arch": "rnn", "preset": "short", "training": "music", "budget": 20000,
              "model": { "hidden": 78, "depth": 1, "dropout": 0 }
            },
            {
              "task": "jsb", "arch": "lru", "preset": "short", "training": "music", "budget": 20000,
              "model": { "hidden": 33, "depth": 2, "states": 33, "dropout": 0, "min_radius": 0, "max_radius": 0.99 }
            },
            {
              "task": "adding", "arch": "tcn", "preset": "short", "training": "adding", "length": 100, "budget": 51700,
              "model": { "hidden": 24, "depth": 6, "kernel": 8, "dropout": 0 }
            },
            {
              "task": "copy", "arch": "tcn", "preset": "short", "training": "copy", "length": 50, "budget": 7650,
              "model": { "hidden": 10, "depth": 5, "kernel": 8, "dropout": 0 }
            }
          ]
        }
        """;

    private static readonly IReadOnlyList<Preset> All = Presets.Read(Texts, "short");

    [Test]
    public void A_tcn_learns_to_add_over_100_steps()
    {
        ReproductionResult result = Run(All.Single(p => p.Task == "adding"), null);

        // Always answering 1 has 0.167.
        Assert.That(result.Test, Is.LessThan(0.01));
    }

    [Test]
    public void A_tcn_learns_to_copy_over_50_steps()
    {
        ReproductionResult result = Run(All.Single(p => p.Task == "copy"), null);

        // Answering without memory has 10 ln 8 / 70 = 0.297.
        Assert.That(result.Test, Is.LessThan(0.03));
    }

    [Test]
    public void Music_is_foretold_far_better_than_by_how_often_keys_sound(
        [Values("tcn", "gru", "lstm", "rnn", "lru")] string arch
    )
    {
        MusicDataset music = Progressions();
        double frequencies = OfFrequencies(music.Train, music.Test);

        ReproductionResult result = Run(All.Single(p => p.Task == "jsb" && p.Arch == arch), music);

        Assert.That(frequencies, Is.GreaterThan(8), "there is something to learn");
        Assert.That(result.Test, Is.LessThan(frequencies / 2));
    }

    private static ReproductionResult Run(Preset preset, MusicDataset? music)
    {
        using var backend = Backend.Create("cpu");
        ReproductionResult result = new Reproduction(preset, music, backend).Run(
            new ReproductionOptions()
        );
        TestContext.Out.WriteLine($"{preset}: {result.Test} after {result.Seconds} s");
        Assert.That(result.Finished, Is.True);
        return result;
    }

    // Chords of four keys out of eight chords; the two before decide the next one, but for one time in twenty.
    private static MusicDataset Progressions()
    {
        const int chords = 8;
        var rules = new Draw(5);
        int[,] next = new int[chords, chords];
        for (int a = 0; a < chords; a++)
        {
            for (int b = 0; b < chords; b++)
                next[a, b] = rules.Next(chords);
        }
        var mat = new MatWriter();
        byte[] file = mat.File(
            Set("traindata", 60, 1000),
            Set("validdata", 15, 2000),
            Set("testdata", 15, 3000)
        );
        return MusicDataset.From(MatFile.Parse(file, "progressions"));

        byte[] Set(string name, int count, int seed) =>
            mat.Cells(name, [.. Enumerable.Range(seed, count).Select(s => mat.Roll(Piece(s)))]);

        byte[,] Piece(int seed)
        {
            var draw = new Draw((ulong)seed);
            int frames = 30 + draw.Next(40);
            byte[,] roll = new byte[frames, MusicDataset.Keys];
            (int before, int last) = (draw.Next(chords), draw.Next(chords));
            for (int t = 0; t < frames; t++)
            {
                int chord = draw.Next(20) == 0 ? draw.Next(chords) : next[before, last];
                for (int i = 0; i < 4; i++)
                    roll[t, 20 + ((chord * 5 + i * 7) % 48)] = 1;
                (before, last) = (last, chord);
            }
            return roll;
        }
    }

    // Nats a frame where each key is foretold by how often it sounds in the training set.
    private static double OfFrequencies(MusicPieces train, MusicPieces test)
    {
        double[] sounds = new double[MusicDataset.Keys];
        foreach (byte[] frame in Frames(train))
        {
            for (int key = 0; key < sounds.Length; key++)
                sounds[key] += frame[key];
        }
        // A key that was never heard may sound all the same.
        double[] p = [.. sounds.Select(count => (count + 0.5) / (train.TotalSteps + 1))];
        return Frames(test)
            .Average(frame =>
                -frame.Select((v, key) => Math.Log(v == 1 ? p[key] : 1 - p[key])).Sum()
            );
    }

    // Those that are to be foretold: all but the first of each piece.
    private static IEnumerable<byte[]> Frames(MusicPieces set) =>
        Enumerable
            .Range(0, set.Count)
            .SelectMany(piece =>
                Enumerable
                    .Range(1, set.FramesOf(piece) - 1)
                    .Select(frame => set.Frame(piece, frame).ToArray())
            );
}
