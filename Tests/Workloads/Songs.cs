using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>Small data sets of music, made up.</summary>
internal static class Songs
{
    /// <summary>Frames of the pieces of the three sets.</summary>
    public static readonly int[][] Frames =
    [
        [5, 3, 9, 4, 7],
        [4, 6],
        [3, 8, 2],
    ];

    /// <summary>A roll in which some keys sound, the same for the same seed.</summary>
    public static byte[,] Roll(int frames, ulong seed, int keys = MusicDataset.Keys)
    {
        var draw = new Draw(seed);
        byte[,] roll = new byte[frames, keys];
        for (int t = 0; t < frames; t++)
        {
            // The same few keys again and again, so that there is something to learn.
            for (int i = 0; i < 4; i++)
                roll[t, (i * 7 + (t % 3) + draw.Next(2)) % keys] = 1;
        }
        return roll;
    }

    public static byte[,] Piece(int set, int piece) =>
        Roll(Frames[set][piece], (ulong)(set * 100 + piece + 1));

    /// <summary>A file of the three sets.</summary>
    public static byte[] File(bool bigEndian = false, bool compressed = false)
    {
        var mat = new MatWriter(bigEndian);
        string[] names = ["traindata", "validdata", "testdata"];
        return mat.File([
            .. names.Select(
                (name, set) =>
                {
                    byte[] cells = mat.Cells(
                        name,
                        [.. Frames[set].Select((_, piece) => mat.Roll(Piece(set, piece)))]
                    );
                    return compressed ? mat.Compress(cells) : cells;
                }
            ),
        ]);
    }

    /// <summary>Writes them to a folder, and tells the file.</summary>
    public static string Write(string folder)
    {
        string path = Path.Combine(folder, "songs.mat");
        System.IO.File.WriteAllBytes(path, File());
        return path;
    }

    public static MusicDataset Load() => MusicDataset.From(MatFile.Parse(File(), "songs.mat"));
}
