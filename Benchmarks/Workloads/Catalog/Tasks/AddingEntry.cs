using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The adding problem; see <see cref="AddingProblem"/>.</summary>
internal sealed class AddingEntry : DrawnEntry
{
    public const string Key = "adding";

    public override string Name => Key;

    public override int Order => 5;

    public override int LeastLength => AddingProblem.LeastLength;

    private protected override SequenceTask Create(int length) => new AddingProblem(length);
}
