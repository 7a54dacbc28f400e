namespace Sequor.VirtualGpu.Ptx;

/// <summary>
/// Counts 32-byte sectors. Lanes run on their own here, so the accesses that hardware would make together are
/// found again by counting: those of one instruction that are the same time around for their lanes.
/// </summary>
internal sealed class PtxSectors
{
    private readonly Dictionary<(PtxDim3 Block, int Thread, int Site), int> _times = [];
    private readonly HashSet<(PtxDim3 Block, int Warp, int Site, int Time, ulong Sector)> _seen =
    [];

    public long Count => _seen.Count;

    public void Add(PtxLane lane, ulong address, int site)
    {
        PtxDim3 block = lane.Block.Place;
        int time = _times.GetValueOrDefault((block, lane.Thread, site));
        _times[(block, lane.Thread, site)] = time + 1;
        int bytes = lane.Execution.Code.Accesses[site]!.Bytes;
        for (ulong sector = address / 32; sector <= (address + (ulong)bytes - 1) / 32; sector++)
            _seen.Add((block, lane.WarpId, site, time, sector));
    }
}
