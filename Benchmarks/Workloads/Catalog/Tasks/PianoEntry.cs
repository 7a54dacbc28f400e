namespace Sequor.Workloads;

/// <summary>Classical piano music of Piano-midi.de.</summary>
internal sealed class PianoEntry : MusicEntry
{
    public override string Name => "piano";

    public override int Order => 4;

    private protected override string FileName => "Piano_midi.mat";

    private protected override long FileBytes => 223_732;
}
