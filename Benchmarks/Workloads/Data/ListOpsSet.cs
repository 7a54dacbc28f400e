using System.Security.Cryptography;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Expressions of <see cref="ListOps"/>, each as long as it is, with its value as class.</summary>
public sealed class ListOpsSet : Dataset
{
    private readonly ListOpsStore _store;
    private readonly int _first;

    internal ListOpsSet(string name, ListOpsStore store, int first, int count)
    {
        (Name, _store, _first, Count) = (name, store, first, count);
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override int? Count { get; }

    /// <inheritdoc/>
    public override int InputSize => 1;

    /// <inheritdoc/>
    public override int? InputClasses => ListOps.Tokens;

    /// <inheritdoc/>
    public override int OutputSize => ListOps.Values;

    /// <inheritdoc/>
    public override int TargetSize => 1;

    /// <inheritdoc/>
    public override int? TargetClasses => ListOps.Values;

    /// <inheritdoc/>
    public override bool OneOutput => true;

    /// <summary>Nats an expression.</summary>
    public override string Metric => "cross-entropy";

    /// <summary>The tokens of an expression.</summary>
    public ReadOnlySpan<byte> TokensOf(int expression) => _store.TokensOf(_first + expression);

    /// <summary>The value of an expression.</summary>
    public int ValueOf(int expression) => _store.ValueOf(_first + expression);

    /// <summary>Puts all of them into a hash.</summary>
    internal void AppendTo(IncrementalHash hash) => _store.AppendTo(hash, _first, Count!.Value);

    /// <inheritdoc/>
    public override bool CanPrepareAhead => true;

    /// <inheritdoc/>
    public override Loss CreateLoss(Plan plan) => new SoftmaxCrossEntropy(plan);

    /// <inheritdoc/>
    public override int LengthOf(long sequence) => TokensOf((int)sequence).Length;

    /// <inheritdoc/>
    public override void Fill(SequenceBatch batch, int b, long sequence)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ReadOnlySpan<byte> tokens = TokensOf((int)sequence);
        for (int t = 0; t < tokens.Length; t++)
            batch.Input(t, b)[0] = tokens[t];
        batch.Target(0, b)[0] = ValueOf((int)sequence);
    }
}
