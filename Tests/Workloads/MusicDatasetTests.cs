using NUnit.Framework;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>
/// Music datasets in MATLAB files: how pieces become inputs and targets, and which malformed variables and pieces are refused.
/// </summary>
[TestFixture]
public sealed class MusicDatasetTests
{
    private readonly MatWriter _mat = new();

    [Test]
    public void Pieces_and_frames_are_counted()
    {
        MusicDataset data = Songs.Load();

        Assert.Multiple(() =>
        {
            Assert.That(data.Train.Count, Is.EqualTo(5));
            Assert.That(data.Train.Frames, Is.EqualTo(28));
            Assert.That(data.Train.TotalSteps, Is.EqualTo(23));
            Assert.That(data.Train.Shortest, Is.EqualTo(2));
            Assert.That(data.Train.Longest, Is.EqualTo(8));
            Assert.That(data.Valid.Count, Is.EqualTo(2));
            Assert.That(data.Test.Frames, Is.EqualTo(13));
            Assert.That(data.Test.FramesOf(1), Is.EqualTo(8));
        });
    }

    [Test]
    public void Each_frame_is_foretold_from_those_before_it()
    {
        MusicPieces pieces = Songs.Load().Train;
        byte[,] roll = Songs.Piece(0, 2);
        var batch = new SequenceBatch(pieces, 1);

        batch.Load(pieces, [2]);

        Assert.That(batch.Length, Is.EqualTo(8));
        for (int t = 0; t < 8; t++)
        {
            for (int key = 0; key < 88; key++)
            {
                Assert.That(pieces.Frame(2, t)[key], Is.EqualTo(roll[t, key]));
                Assert.That(batch.Input(t, 0)[key], Is.EqualTo(roll[t, key]));
                Assert.That(batch.Target(t, 0)[key], Is.EqualTo(roll[t + 1, key]));
            }
        }
    }

    [Test]
    public void Numbers_of_another_class_will_do()
    {
        double[] values =
        [
            .. Enumerable.Range(0, 2 * 88).Select(i => (double)(i % 3 == 0 ? 1 : 0)),
        ];
        byte[] piece = _mat.Array(
            "",
            MatWriter.DoubleClass,
            [2, 88],
            _mat.Element(MatWriter.Double, _mat.Doubles(values))
        );

        MusicDataset data = Load(piece);

        Assert.That(data.Train.Frame(0, 0)[3], Is.EqualTo(1));
        Assert.That(data.Train.Frame(0, 1)[1], Is.EqualTo(1));
        Assert.That(data.Train.Frame(0, 1)[0], Is.EqualTo(0));
    }

    [Test]
    public void A_piece_that_does_not_fit_is_named()
    {
        byte[,] seven = Songs.Roll(3, 1);
        seven[1, 4] = 7;
        Assert.Multiple(() =>
        {
            Assert.That(
                Refused(_mat.Roll(new byte[5, 87])),
                Does.Contain("'m.mat', variable 'traindata', piece 2")
                    .And.Contain("width of 88 keys")
                    .And.Contain("uint8 [5, 87]")
            );
            Assert.That(Refused(_mat.Roll(new byte[1, 88])), Does.Contain("at least 2 frames"));
            Assert.That(
                Refused(_mat.Roll(seven)),
                Does.Contain("frame 2, key 5: expected 0 or 1, not 7")
            );
            Assert.That(
                Refused(
                    _mat.Array("", MatWriter.CharClass, [2, 88], _mat.Element(2, new byte[176]))
                ),
                Does.Contain("piece 2: expected numbers [frames, 88], not char [2, 88]")
            );
            Assert.That(Refused(_mat.Element(MatWriter.Matrix, [])), Does.Contain("double [0, 0]"));
        });
    }

    [Test]
    public void A_variable_that_does_not_fit_is_named()
    {
        byte[] roll = _mat.Roll(Songs.Roll(3, 1));
        byte[] numbers = _mat.Array("validdata", 9, [1, 1], _mat.Element(2, [1]));
        byte[] train = _mat.Cells("traindata", roll);
        Assert.Multiple(() =>
        {
            Assert.That(Message(train), Does.Contain("no variable 'validdata'"));
            Assert.That(
                Message(train, numbers),
                Does.Contain("variable 'validdata': expected cells").And.Contain("uint8 [1, 1]")
            );
            Assert.That(
                Message(train, _mat.Cells("validdata")),
                Does.Contain("at least one piece, not cell [1, 0]")
            );
        });

        string Message(params byte[][] variables) =>
            Assert
                .Throws<MatFileException>(() =>
                    MusicDataset.From(MatFile.Parse(_mat.File(variables), "m.mat"))
                )!
                .Message;
    }

    private string Refused(byte[] piece) =>
        Assert.Throws<MatFileException>(() => Load(_mat.Roll(Songs.Roll(3, 1)), piece))!.Message;

    private MusicDataset Load(params byte[][] train) =>
        MusicDataset.From(
            MatFile.Parse(
                _mat.File(
                    _mat.Cells("traindata", train),
                    _mat.Cells("validdata", train[0]),
                    _mat.Cells("testdata", train[0])
                ),
                "m.mat"
            )
        );

    [Test]
    public void The_fingerprint_is_that_of_the_music_and_not_of_its_file()
    {
        string songs = Songs.Load().Fingerprint();
        MatFile other = MatFile.Parse(Songs.File(bigEndian: true, compressed: true), "other.mat");
        Assert.That(songs, Has.Length.EqualTo(16));
        Assert.That(MusicDataset.From(other).Fingerprint(), Is.EqualTo(songs));

        byte[,] six = Songs.Roll(6, 1);
        byte[,] changed = (byte[,])six.Clone();
        changed[5, 87] ^= 1;
        // The same frames in all, parted otherwise into pieces or sets.
        (byte[,] four, byte[,] two) = (Rows(six, 0, 4), Rows(six, 4, 2));
        string[] prints =
        [
            Print([six], [six], [six]),
            Print([six], [six], [changed]),
            Print([four, two], [six], [six]),
            Print([two, four], [six], [six]),
            Print([six], [four, two], [six]),
            Print([six, six], [six], [six]),
        ];
        Assert.That(prints, Is.Unique);

        static string Print(byte[][,] train, byte[][,] valid, byte[][,] test)
        {
            var mat = new MatWriter();
            byte[] Set(string name, byte[][,] pieces) =>
                mat.Cells(name, [.. pieces.Select(mat.Roll)]);
            byte[] file = mat.File(
                Set("traindata", train),
                Set("validdata", valid),
                Set("testdata", test)
            );
            return MusicDataset.From(MatFile.Parse(file, "made.mat")).Fingerprint();
        }

        static byte[,] Rows(byte[,] roll, int first, int count)
        {
            byte[,] rows = new byte[count, 88];
            for (int t = 0; t < count; t++)
            {
                for (int key = 0; key < 88; key++)
                    rows[t, key] = roll[first + t, key];
            }
            return rows;
        }
    }
}
