using System.Text;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Files;
using Sequor.Tests.Replays;
using Sequor.Tests.Workloads;
using Sequor.VirtualGpu.Ptx;
using Sequor.VirtualGpu.Recording;
using Sequor.Workloads;

namespace Sequor.Tests.Mutations;

/// <summary>A format with sound files of it, how it is read, and what reading may do.</summary>
internal sealed record MutatedFormat
{
    /// <summary>Makes the sound files, in a folder that they may need.</summary>
    public required Func<string, byte[][]> Corpus { get; init; }

    /// <summary>What the format's texts are made of.</summary>
    public required string[] Words { get; init; }

    /// <summary>Reads all of a file, given its path and its bytes.</summary>
    public required Action<string, byte[]> Read { get; init; }

    /// <summary>The exceptions that are documented.</summary>
    public required Type[] Refusals { get; init; }

    /// <summary>Damaged files of an ordinary run: about a second's.</summary>
    public required int Tries { get; init; }

    /// <summary>Damaged files of a long run; 20 times as many as of an ordinary one where nothing else is said.</summary>
    public int LongTries
    {
        get => field > 0 ? field : 20 * Tries;
        init;
    }

    /// <summary>Half of the files are damaged by exchanging words alone.</summary>
    public bool Exchanges { get; init; }

    /// <summary>It is read from the path.</summary>
    public bool FromFile { get; init; } = true;

    /// <summary>Bytes that may be allocated, whatever the file's size.</summary>
    public long Room { get; init; } = 2 << 20;

    /// <summary>And for each byte of the file.</summary>
    public int RoomPerByte { get; init; } = 100;
}

/// <summary>Every format that Sequor reads, its tests' PTX included.</summary>
internal static class MutatedFormats
{
    private static readonly string[] Json =
    [
        "{",
        "}",
        "[",
        "]",
        "[[",
        "{\"a\":",
        "\"",
        ":",
        ",",
        "null",
        "true",
        "\\ud800",
        "\\u0000",
        "/**/",
        " ",
    ];

    private static readonly string[] Header =
    [
        .. Json,
        "dtype",
        "shape",
        "data_offsets",
        "__metadata__",
        "F32",
        "F64",
        "F16",
        "BF16",
        "F8_E4M3",
        "F4",
        "F6_E2M3",
        "I64",
        "U64",
        "BOOL",
        "C64",
        "F12",
        "weight",
        "0,",
    ];

    private static Backend Backend => Backends.Get(Backends.Widths[0], 1);

    public static IReadOnlyDictionary<string, MutatedFormat> All { get; } =
        new Dictionary<string, MutatedFormat>
        {
            ["safetensors"] = new()
            {
                Corpus = Tensors,
                Words = Header,
                Read = (path, _) => ReadTensors(path),
                Refusals = [typeof(SafetensorsException)],
                Tries = 1500,
            },
            ["weights of PyTorch"] = new()
            {
                Corpus = folder =>
                    [
                        File.ReadAllBytes(TorchModule.Extract(folder, "torch_tcn.safetensors")),
                        File.ReadAllBytes(
                            TorchModule.Extract(folder, "torch_tcn_removed.safetensors")
                        ),
                    ],
                Words =
                [
                    .. Header,
                    "weight_g",
                    "weight_v",
                    "conv1",
                    "net.0",
                    "tcn",
                    "parametrizations",
                ],
                Read = new TorchReader("tcn").Read,
                Refusals = [typeof(SafetensorsException)],
                Tries = 300,
            },
            ["choices"] = new()
            {
                Corpus = Choices,
                Words = [.. Json, "\n", "kind", "us", "refused", "sequor.choices/1", "1e999", "-1"],
                // Whatever is wrong is an answer, which stands for an error here.
                Read = (path, _) =>
                {
                    ChoiceFile.Content read = new ChoiceFile(path).Read();
                    if (read.Damaged > 0 || read.Problem is not null)
                        throw new InvalidDataException(read.Problem);
                },
                Refusals = [typeof(InvalidDataException)],
                Tries = 1500,
            },
            ["index of shards"] = new()
            {
                Corpus = Index,
                Words =
                [
                    .. Json,
                    "weight_map",
                    "metadata",
                    "a.safetensors",
                    "b.safetensors",
                    "../",
                    "/",
                    "0.weight",
                ],
                Read = new TorchReader("two").Read,
                // A name that no file can have is one that cannot be read.
                Refusals =
                [
                    typeof(SafetensorsException),
                    typeof(IOException),
                    typeof(PathTooLongException),
                ],
                Tries = 800,
            },
            ["model"] = new()
            {
                Corpus = Model,
                Words = [.. Header, "format", "sequor.model/1", "sequor.architecture"],
                Read = (path, _) =>
                {
                    using var model = new Sequential(new Linear(3, 2), new BatchNorm(2));
                    model.Load(path, Backend);
                },
                Refusals = [typeof(SafetensorsException)],
                Tries = 700,
            },
            ["checkpoint"] = new()
            {
                Corpus = TrainedModel.Save,
                Words =
                [
                    .. Header,
                    "format",
                    "sequor.checkpoint/1",
                    "sequor.position",
                    "optimizer.state",
                    "18446744073709551615",
                ],
                Read = TrainedModel.Load,
                Refusals = [typeof(CheckpointException)],
                Tries = 700,
            },
            ["MAT"] = new()
            {
                Corpus = _ =>
                    [
                        Songs.File(),
                        Songs.File(bigEndian: true),
                        Songs.File(compressed: true),
                        Songs.File(bigEndian: true, compressed: true),
                    ],
                Words =
                [
                    "\u0001\0\0\0",
                    "\u000e\0\0\0\u0010\0\0\0",
                    "traindata",
                    "MI",
                    "IM",
                    "\0\0\0\0\0\0\0\0",
                ],
                Read = (path, bytes) => MusicDataset.From(MatFile.Parse(bytes, path)),
                Refusals = [typeof(MatFileException)],
                Tries = 2000,
                FromFile = false,
            },
            ["IDX"] = new()
            {
                Corpus = _ =>
                    [
                        MnistFiles.Idx(0x08, [2, 3, 4], new byte[24]),
                        MnistFiles.Idx(0x0E, [3], new byte[24]),
                        MnistFiles.Gzip(
                            MnistFiles.Idx(
                                0x0B,
                                [5, 2],
                                [.. Enumerable.Range(0, 20).Select(i => (byte)i)]
                            )
                        ),
                    ],
                Words =
                [
                    "\0\0\u0008\u0003",
                    "\0\0\u000d\u0001",
                    "\0\0\0\u0001",
                    "\u001f\u008b",
                    "\u007f",
                ],
                Read = (path, bytes) => IdxFile.Parse(bytes, path),
                Refusals = [typeof(TaskDataException)],
                Tries = 2000,
                // Deflate makes a thousand bytes of one.
                RoomPerByte = 3000,
                FromFile = false,
            },
            ["ListOps"] = new()
            {
                Corpus = _ =>
                    [
                        .. Enumerable
                            .Range(0, 3)
                            .Select(i => Encoding.UTF8.GetBytes(ListOpsFiles.Text(8, (ulong)i))),
                    ],
                Words =
                [
                    "[MAX",
                    "[SM",
                    " ]",
                    "( ",
                    " )",
                    "\t",
                    "\n",
                    "\r\n",
                    "7",
                    "Source\tTarget",
                ],
                Read = (path, bytes) => ReadListOps(path, bytes),
                Refusals = [typeof(TaskDataException)],
                Tries = 800,
                Room = 8 << 20,
            },
            ["presets"] = new()
            {
                Corpus = _ => [Encoding.UTF8.GetBytes(PresetText)],
                Words =
                [
                    .. Json,
                    "hidden",
                    "depth",
                    "kernel",
                    "states",
                    "lru",
                    "tcn",
                    "adamw",
                    "warmup",
                    "plateau",
                    "min_radius",
                    "max_radius",
                    "recurrence_rate",
                    "copy",
                    "jsb",
                ],
                Read = (path, bytes) => Presets.Read(Encoding.UTF8.GetString(bytes), path),
                Refusals = [typeof(PresetException)],
                Tries = 1500,
                FromFile = false,
            },
            ["PTX"] = new()
            {
                Corpus = _ =>
                    [
                        Encoding.UTF8.GetBytes(MutatedPtx.Control),
                        Encoding.UTF8.GetBytes(MutatedPtx.Memory),
                    ],
                Words = MutatedPtx.Words,
                Exchanges = true,
                Read = (_, bytes) => MutatedPtx.Read(bytes),
                Refusals = [typeof(PtxException)],
                Tries = 1000,
                LongTries = 1_000_000,
                FromFile = false,
                RoomPerByte = 2000,
            },
            ["recording"] = new()
            {
                Corpus = _ => [SmallRecording.Payload()],
                Words =
                [
                    "\0\0\0\0",
                    "\u0001\0\0\0",
                    "\u007f\u007f\u007f\u007f",
                    "add",
                    "\u0008",
                    "\0\0\0\0\0\0\0\0",
                ],
                Read = (_, bytes) => RecordingFile.Parse(bytes),
                Refusals = [typeof(RecordingException)],
                Tries = 2000,
                FromFile = false,
            },
        };

    private const string PresetText = """
        {
          "schema": "sequor.presets/1",
          "sources": ["a paper"],
          "training": {
            "a": { "optimizer": "adamw", "rate": 0.005, "decay": 0.1, "clip": 1, "batch": 4, "epochs": 60, "patience": 2, "warmup": 0.1, "recurrence_rate": 0.5 },
            "b": { "optimizer": "rmsprop", "rate": 5e-4, "batch": 32, "epochs": 12, "sequences": 100, "plateau": { "factor": 0.5, "window": 3, "after": 2 } }
          },
          "presets": [
            { "task": "jsb", "arch": "lru", "preset": "x", "training": "a", "budget": 23748, "paper": 8.1, "note": "n",
              "model": { "hidden": 40, "depth": 2, "dropout": 0.1, "states": 30, "min_radius": 0.5, "max_radius": 0.9 } },
            { "task": "copy", "arch": "tcn", "preset": "y", "training": "b", "budget": 1450, "length": 50,
              "model": { "hidden": 10, "depth": 2, "dropout": 0, "kernel": 4 } }
          ]
        }
        """;

    // The other two of the three files are sound.
    private static void ReadListOps(string path, byte[] bytes)
    {
        string folder = Path.Combine(Path.GetDirectoryName(path)!, "listops");
        if (Directory.CreateDirectory(folder).GetFiles().Length == 0)
            ListOpsFiles.Write(folder);
        File.WriteAllBytes(Path.Combine(folder, ListOpsFiles.FileNames[0]), bytes);
        ListOpsData.Load(folder);
    }

    private static byte[][] Tensors(string folder)
    {
        string path = Path.Combine(folder, "sound");
        Safetensors.Write(
            path,
            [
                SafetensorsTensor.Of("model.0.weight", new float[] { 1, 2, 3, 4, 5, 6 }, 2, 3),
                SafetensorsTensor.Of("steps", new long[] { 1L << 40 }),
                SafetensorsTensor.Of("d", new[] { 0.25 }, 1, 1),
                SafetensorsTensor.Of("mask", new byte[] { 1, 0, 1 }, 3),
            ],
            new Dictionary<string, string> { ["format"] = "pt", ["ä"] = "\u0001" }
        );
        var types = new TensorFile();
        types.Tensors.Add("f8", ("F8_E4M3", [2, 2], new byte[4]));
        types.Tensors.Add("f4", ("F4", [4, 2], new byte[4]));
        types.Tensors.Add("f6", ("F6_E3M2", [4], new byte[3]));
        types.Tensors.Add("c", ("C64", [1], new byte[8]));
        types.Tensors.Add("u", ("U64", [], new byte[8]));
        types.Tensors.Add("later", ("F12_LATER", [9], new byte[5]));
        types.Write(path + "2");
        return [File.ReadAllBytes(path), File.ReadAllBytes(path + "2")];
    }

    private static void ReadTensors(string path)
    {
        using SafetensorsFile file = Safetensors.Open(path);
        foreach (SafetensorsEntry entry in file.Entries)
        {
            if (file.ReadBytes(entry.Name).Length != entry.ByteCount)
                throw new InvalidOperationException(entry.Name);
            if (
                SafetensorsTypes.IsNumber(entry.Type)
                && file.ReadFloats(entry.Name).Length != entry.Count
            )
                throw new InvalidOperationException(entry.Name);
        }
    }

    private static byte[][] Model(string folder)
    {
        string path = Path.Combine(folder, "sound");
        using var model = new Sequential(new Linear(3, 2), new BatchNorm(2));
        model.Initialize(Backend);
        model.Save(path);
        return [File.ReadAllBytes(path)];
    }

    private static byte[][] Choices(string folder)
    {
        string path = Path.Join(folder, "choices.jsonl");
        var entry = new ChoiceEntry(
            "recurrent",
            "lstm",
            "fp32",
            "small-h",
            new Dictionary<string, double> { ["small-h"] = 12.5, ["standard"] = 99 },
            new Dictionary<string, string> { ["persist"] = "refused" },
            new CudaIdentity("GPU", "9.0", "550.54", "9.6.0", "12.6.4", "0.1.0+0123")
        );
        new ChoiceFile(path).Add([entry, entry with { Shape = "gru" }]);
        return [File.ReadAllBytes(path)];
    }

    private static byte[][] Index(string folder)
    {
        using var first = new Linear(3, 2);
        using var second = new Linear(2, 1);
        first.Initialize(Backend);
        second.Initialize(Backend);
        TorchWeights.Save(
            first,
            Path.Combine(folder, "a.safetensors"),
            new Dictionary<string, string> { [""] = "0" }
        );
        TorchWeights.Save(
            second,
            Path.Combine(folder, "b.safetensors"),
            new Dictionary<string, string> { [""] = "1" }
        );
        const string Text = """
            {"metadata": {"total_size": 48, "more": [1, {"a": null}]}, "weight_map": {"0.weight": "a.safetensors",
            "0.bias": "a.safetensors", "1.weight": "b.safetensors", "1.bias": "b.safetensors"}}
            """;
        return [Encoding.UTF8.GetBytes(Text)];
    }

    private sealed class TorchReader(string module)
    {
        public void Read(string path, byte[] bytes)
        {
            if (module == "two")
            {
                using var model = new Sequential(new Linear(3, 2), new Linear(2, 1));
                TorchWeights.Load(model, path, Backend);
                return;
            }
            TorchModule torch = TorchModule.Find(module);
            using Layer layer = torch.Make();
            TorchWeights.Load(layer, path, Backend, torch.Modules);
        }
    }

    private static class TrainedModel
    {
        public static byte[][] Save(string folder)
        {
            string path = Path.Combine(folder, "sound");
            Run(
                (plan, adam) =>
                    Checkpoint.Save(
                        path,
                        plan,
                        adam,
                        3,
                        new Dictionary<string, string> { ["a"] = "b" }
                    )
            );
            return [File.ReadAllBytes(path)];
        }

        public static void Load(string path, byte[] bytes) =>
            Run(
                (plan, adam) =>
                {
                    Checkpoint.ReadInfo(path);
                    Checkpoint.Load(path, plan, null);
                    Checkpoint.Load(path, plan, adam);
                }
            );

        private static void Run(Action<Plan, Optimizer> use)
        {
            using var model = new Linear(3, 2);
            using Plan plan = model.Plan(Backend, 1, 1, Mode.Training);
            using var adam = new Adam(plan, 0.1f);
            use(plan, adam);
        }
    }
}
