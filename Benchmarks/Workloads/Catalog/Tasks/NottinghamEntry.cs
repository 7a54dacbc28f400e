namespace Sequor.Workloads;

/// <summary>British and American folk tunes.</summary>
internal sealed class NottinghamEntry : MusicEntry
{
    public override string Name => "nottingham";

    public override int Order => 2;

    private protected override string FileName => "Nottingham.mat";

    private protected override long FileBytes => 371_688;
}
