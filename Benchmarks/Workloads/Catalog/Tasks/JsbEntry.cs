namespace Sequor.Workloads;

/// <summary>Chorales by Johann Sebastian Bach.</summary>
internal sealed class JsbEntry : MusicEntry
{
    public override string Name => "jsb";

    public override int Order => 1;

    private protected override string FileName => "JSB_Chorales.mat";

    private protected override long FileBytes => 96_095;
}
