namespace Sequor.Workloads;

/// <summary>Sequential MNIST: pixels row by row.</summary>
internal sealed class SmnistEntry : MnistEntry
{
    public override string Name => "smnist";

    public override int Order => 8;
}
