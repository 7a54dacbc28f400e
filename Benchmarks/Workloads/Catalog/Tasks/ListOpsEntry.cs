using System.Globalization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// ListOps of the Long Range Arena: the value of an expression, read token by token, is its class. Expressions are drawn by the published
/// grammar, see <see cref="ListOps"/>, or read from the published files, see <see cref="ListOpsData"/>.
/// </summary>
internal sealed class ListOpsEntry : TaskEntry
{
    public const string Key = "listops";

    // As published, and of an epoch where no preset says how many.
    private const int HeldOut = 2000;
    private const int Sequences = 20_000;

    // So many drawn in a row that were there already: there are hardly any others.
    private const int MostRepeats = 10_000;

    public override string Name => Key;

    public override int Order => 10;

    /// <summary>Nats an expression.</summary>
    public override string Metric => "cross-entropy";

    public override TaskScore Score => TaskScore.Accuracy;

    public override ModelEnds Ends =>
        new(1, ListOps.Values, OneOutput: true, Classes: ListOps.Tokens);

    public override IReadOnlyList<DataFile> Files => ListOpsData.Files;

    public override bool IsDrawn => true;

    /// <summary>Below it there are too few expressions for sets without repeats.</summary>
    public override int LeastLength => 8;

    /// <summary>
    /// Of expressions with more than a quarter of so many tokens about one of 200 draws is one; with twice as many it is one of
    /// 18,000, and with more the drawing would soon take years.
    /// </summary>
    public override int MostDrawnLength => 10_000;

    public override string LengthNote =>
        "the most tokens for listops, whose expressions have more than a quarter as many";

    public override TaskData Load(string path) => ListOpsData.Load(path);

    public override void RequireFit(int length, TaskData? data)
    {
        base.RequireFit(length, data);
        if (!Allows(length, data is null))
            throw new ArgumentOutOfRangeException(
                nameof(length),
                length,
                $"T must be {Lengths(data is null)} for the task {Key}."
            );
        if (data is not null)
            Of(data).RequireAtMost(length);
    }

    /// <summary>Expressions that end at the last step, with padding before them: a plan that is measured has one length.</summary>
    public override SequenceTask CreateStream(int length, TaskData? data = null)
    {
        RequireFit(length, data);
        return new ListOpsStream(Key, length, data is null ? null : Of(data));
    }

    public override TrainingSets CreateTraining(int length, ulong seed, TaskData? data = null)
    {
        (Dataset train, Dataset valid, _) = CreateSets(length, Sequences, seed, data);
        return new TrainingSets(train, valid);
    }

    /// <summary>No expression is in two of the sets, nor twice in one. Those held out are the same for every seed.</summary>
    public override TaskSets CreateSets(int length, int sequences, ulong seed, TaskData? data)
    {
        RequireFit(length, data);
        if (data is not null)
            return Of(data).Sets;
        ArgumentOutOfRangeException.ThrowIfLessThan(sequences, 1);
        var store = new ListOpsStore();
        Draw(store, 2 * HeldOut, length, SequenceTask.HeldOutStream);
        Draw(store, sequences, length, seed);
        return new TaskSets(
            new ListOpsSet("train", store, 2 * HeldOut, sequences),
            new ListOpsSet("valid", store, 0, HeldOut),
            new ListOpsSet("test", store, HeldOut, HeldOut)
        );
    }

    /// <summary>Draws expressions that the store does not have yet.</summary>
    /// <exception cref="TaskDataException">There are too few of them.</exception>
    internal static void Draw(ListOpsStore store, int count, int length, ulong seed)
    {
        var random = new Philox(seed, 0);
        byte[] tokens = new byte[length];
        int repeats = 0;
        for (int drawn = 0; drawn < count; )
        {
            int tokensDrawn = ListOps.DrawLong(ref random, tokens, out int value);
            if (store.AddNew(tokens.AsSpan(0, tokensDrawn), value))
                (drawn, repeats) = (drawn + 1, 0);
            else if (++repeats == MostRepeats)
                throw new TaskDataException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"The task {Key} has too few expressions of {ListOps.Above(length) + 1} to {length} tokens for {count} without repeats: after {drawn} of them {MostRepeats} in a row were there already."
                    )
                );
        }
    }

    private static ListOpsData Of(TaskData data) =>
        data as ListOpsData
        ?? throw new ArgumentException(
            $"The task {Key} needs expressions, not {data.GetType().Name}.",
            nameof(data)
        );
}
