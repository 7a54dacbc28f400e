using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Sequor.Workloads;

/// <summary>
/// Pieces of music as piano rolls: 88 keys, sounding or not, frame by frame. Read from MAT-files as the authors of the TCN
/// ship them: variables traindata, validdata and testdata, each a row of cells [frames, 88].
/// </summary>
public sealed class MusicDataset : TaskData
{
    /// <summary>Keys of a piano, and so channels of a frame.</summary>
    public const int Keys = 88;

    private MusicDataset(string path, MusicPieces train, MusicPieces valid, MusicPieces test)
        : base(path)
    {
        Train = train;
        Valid = valid;
        Test = test;
    }

    /// <summary>Pieces to train on.</summary>
    public MusicPieces Train { get; }

    /// <summary>Pieces by which the best epoch is chosen.</summary>
    public MusicPieces Valid { get; }

    /// <summary>Pieces that the result is measured on.</summary>
    public MusicPieces Test { get; }

    /// <summary>
    /// 16 hexadecimal digits that the pieces decide, and the file's form does not: the same music saved otherwise has the
    /// same.
    /// </summary>
    private protected override string ComputeFingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> number = stackalloc byte[sizeof(int)];
        foreach (MusicPieces set in (MusicPieces[])[Train, Valid, Test])
        {
            Append(set.Pieces, number);
            for (int piece = 0; piece < set.Pieces; piece++)
            {
                Append(set.FramesOf(piece), number);
                for (int frame = 0; frame < set.FramesOf(piece); frame++)
                    hash.AppendData(set.Frame(piece, frame));
            }
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8));

        void Append(int value, Span<byte> place)
        {
            BinaryPrimitives.WriteInt32LittleEndian(place, value);
            hash.AppendData(place);
        }
    }

    /// <summary>Reads a data set.</summary>
    /// <param name="path">A MAT-file.</param>
    /// <exception cref="MatFileException">
    /// The file is damaged, lacks a variable, or has a piece of another width, of less than two frames or of other values
    /// than 0 and 1; the message says which.
    /// </exception>
    /// <exception cref="IOException">The file is not there or cannot be read.</exception>
    public static MusicDataset Load(string path) => From(MatFile.Read(path));

    /// <summary>Takes the data set out of a MAT-file.</summary>
    /// <param name="file">The file's variables.</param>
    /// <exception cref="MatFileException">As in <see cref="Load"/>.</exception>
    public static MusicDataset From(MatFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        return new MusicDataset(
            file.Path,
            Read(file, "traindata", "train"),
            Read(file, "validdata", "valid"),
            Read(file, "testdata", "test")
        );
    }

    private static MusicPieces Read(MatFile file, string variable, string name)
    {
        MatArray array = file.Get(variable);
        string place = $"'{file.Path}', variable '{variable}'";
        if (array is not MatCells cells)
            throw new MatFileException($"{place}: expected cells, one a piece, not {array}.");
        if (cells.Cells.Count == 0)
            throw new MatFileException($"{place}: expected at least one piece, not {array}.");
        var pieces = new byte[cells.Cells.Count][];
        for (int i = 0; i < pieces.Length; i++)
            pieces[i] = Piece(cells.Cells[i], $"{place}, piece {i + 1}");
        return new MusicPieces(name, pieces);
    }

    // MATLAB's columns are ours rows: a key through time there, a frame here.
    private static byte[] Piece(MatArray array, string place)
    {
        if (array is not MatNumbers { IsComplex: false } roll)
            throw new MatFileException($"{place}: expected numbers [frames, {Keys}], not {array}.");
        if (array.Dimensions.Count != 2 || array.Dimensions[1] != Keys)
            throw new MatFileException(
                $"{place}: expected a width of {Keys} keys, [frames, {Keys}], not {array}."
            );
        int frames = array.Dimensions[0];
        if (frames < 2)
            throw new MatFileException(
                $"{place}: expected at least 2 frames, one to hear and one to foretell, not {frames}."
            );
        byte[] piece = new byte[roll.Count];
        for (int key = 0; key < Keys; key++)
        {
            for (int frame = 0; frame < frames; frame++)
            {
                double value = roll[(key * frames) + frame];
                if (value is not (0 or 1))
                    throw new MatFileException(
                        FormattableString.Invariant(
                            $"{place}, frame {frame + 1}, key {key + 1}: expected 0 or 1, not {value}."
                        )
                    );
                piece[(frame * Keys) + key] = (byte)value;
            }
        }
        return piece;
    }
}
