namespace Sequor.Workloads;

/// <summary>Orchestral and piano music of the MuseData library.</summary>
internal sealed class MuseDataEntry : MusicEntry
{
    public override string Name => "musedata";

    public override int Order => 3;

    private protected override string FileName => "MuseData.mat";

    private protected override long FileBytes => 947_219;
}
