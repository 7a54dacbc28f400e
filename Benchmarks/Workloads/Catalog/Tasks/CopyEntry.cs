using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Copy memory; see <see cref="CopyMemory"/>.</summary>
internal sealed class CopyEntry : DrawnEntry
{
    public const string Key = "copy";

    public override string Name => Key;

    public override int Order => 6;

    public override string LengthNote => "the delay for copy";

    public override Dataset CreateRecall(int length) =>
        Test(new CopyMemory(length, digitsAlone: true));

    private protected override SequenceTask Create(int length) => new CopyMemory(length);
}
