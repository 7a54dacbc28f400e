using System.Security.Cryptography;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// The digits of MNIST, or another set in its form: images of 28 x 28 pixels with classes from 0 to 9, as sequences of rows, of pixels
/// or of whatever a step is to have. Read from its four IDX files, compressed by gzip or not.
/// </summary>
public sealed class MnistDataset : TaskData
{
    /// <summary>Pixels of a row, and rows of an image.</summary>
    public const int Side = 28;

    /// <summary>Classes that there are.</summary>
    public const int Digits = 10;

    /// <summary>The four files, which may be compressed by gzip; the sizes are those of MNIST's own.</summary>
    public static IReadOnlyList<DataFile> Files { get; } =
    [
        FileOf("train-images-idx3-ubyte", 47_040_016),
        FileOf("train-labels-idx1-ubyte", 60_008),
        FileOf("t10k-images-idx3-ubyte", 7_840_016),
        FileOf("t10k-labels-idx1-ubyte", 10_008),
    ];

    /// <summary>The names of the four files, which may end in .gz.</summary>
    public static IReadOnlyList<string> FileNames { get; } = [.. Files.Select(f => f.Name!)];

    private readonly string _fingerprint;

    private MnistDataset(string path, LabelledImages train, LabelledImages test, string fingerprint)
        : base(path)
    {
        Train = train;
        Test = test;
        _fingerprint = fingerprint;
    }

    /// <summary>Images to train on, and to choose the best epoch by: 60000 of MNIST.</summary>
    public LabelledImages Train { get; }

    /// <summary>Images that the result is measured on: 10000 of MNIST.</summary>
    public LabelledImages Test { get; }

    /// <summary>16 hexadecimal digits that images and classes decide, and not whether the files are compressed.</summary>
    private protected override string ComputeFingerprint() => _fingerprint;

    /// <summary>Reads the set.</summary>
    /// <param name="folder">Where its four files are.</param>
    /// <param name="channels">
    /// The pixels of a step, a divisor of 784: 28 for rows, which makes 28 steps, 1 for pixel after pixel, which makes 784.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">An image cannot be cut into such steps.</exception>
    /// <exception cref="TaskDataException">
    /// Files are missing, damaged or of other shapes; the message says which, and where MNIST is to be had.
    /// </exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static MnistDataset Load(string folder, int channels = Side)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (channels < 1 || Side * Side % channels != 0)
            throw new ArgumentOutOfRangeException(
                nameof(channels),
                channels,
                $"The pixels of a step must divide the {Side * Side} of an image."
            );
        IReadOnlyList<string> paths = DataFile.FindAll(Files, folder);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        LabelledImages train = Read("train", paths[0], paths[1], channels, hash);
        LabelledImages test = Read("test", paths[2], paths[3], channels, hash);
        return new MnistDataset(
            folder,
            train,
            test,
            Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8))
        );
    }

    private static DataFile FileOf(string name, long bytes) =>
        new(
            name,
            "the MNIST database of handwritten digits by LeCun, Cortes and Burges, yann.lecun.com/exdb/mnist",
            bytes
        )
        {
            // The last one is what some programs unpack.
            OtherNames = [$"{name}.gz", name.Replace("-idx", ".idx", StringComparison.Ordinal)],
        };

    private static LabelledImages Read(
        string name,
        string imagePath,
        string classPath,
        int channels,
        IncrementalHash hash
    )
    {
        IdxFile images = IdxFile.Read(imagePath);
        if (images is not { Type: IdxType.UInt8, Dimensions: [_, Side, Side] })
            throw new TaskDataException(
                $"'{imagePath}' must have images, UInt8 [N, {Side}, {Side}], not {images}."
            );
        IdxFile classes = IdxFile.Read(classPath);
        if (classes is not { Type: IdxType.UInt8, Dimensions: [_] })
            throw new TaskDataException(
                $"'{classPath}' must have a class for each image, UInt8 [N], not {classes}."
            );
        if (classes.Count != images.Dimensions[0])
            throw new TaskDataException(
                $"'{imagePath}' has {Amount.Of(images.Dimensions[0], "image")}, and '{classPath}' classes of {classes.Count}."
            );
        int wrong = classes.Bytes.Span.IndexOfAnyExceptInRange((byte)0, (byte)(Digits - 1));
        if (wrong >= 0)
            throw new TaskDataException(
                $"'{classPath}', image {wrong}: the class must be 0 to {Digits - 1}, not {classes.Bytes.Span[wrong]}."
            );
        hash.AppendData(images.Bytes.Span);
        hash.AppendData(classes.Bytes.Span);
        return new LabelledImages(name, images.Bytes, classes.Bytes, Digits, channels);
    }
}
