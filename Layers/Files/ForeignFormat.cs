namespace Sequor.Layers;

/// <summary>Recognises other formats of weight files by their first bytes, and says how to convert them to safetensors.</summary>
internal static class ForeignFormat
{
    /// <summary>The number of bytes at a file's beginning that are examined.</summary>
    public const int Bytes = 4096 + 8;

    // A file that torch.save wrote before version 1.6 begins with this magic number, pickled.
    private static readonly byte[] TorchNumber = [0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20];

    private static readonly (byte[] Begin, string What)[] Packed =
    [
        ([0x1F, 0x8B], "one packed by gzip: unpack it first."),
        ([.. "BZh"u8], "one packed by bzip2: unpack it first."),
        ([0xFD, .. "7zXZ"u8], "one packed by xz: unpack it first."),
        ([0x28, 0xB5, 0x2F, 0xFD], "one packed by zstd: unpack it first."),
        ([.. "GGUF"u8], "one of llama.cpp (GGUF), which holds no model that Sequor has."),
        (
            [.. "version https://git-lfs"u8],
            "what Git LFS keeps in its place: 'git lfs pull' gets the file itself."
        ),
    ];

    /// <summary>The format, and how to convert it, as the end of "is no safetensors file but"; null where it is not recognised.</summary>
    /// <param name="begin">The file's first bytes.</param>
    /// <param name="path">The file's path, for the command that converts it.</param>
    public static string? Describe(ReadOnlySpan<byte> begin, string path)
    {
        string from = Quotable(path, "the-file");
        string to = Quotable(Path.ChangeExtension(path, ".safetensors"), "weights.safetensors");
        if (begin.StartsWith((ReadOnlySpan<byte>)[(byte)'P', (byte)'K', 3, 4]))
            return Zip(begin, from, to);
        if (begin.Length > 2 && begin[0] == 0x80 && begin[1] is >= 2 and <= 5)
            return begin[2..].StartsWith(TorchNumber)
                ? Torch("one of PyTorch before 1.6 (torch.save)", from, to)
                : Torch("a pickle of Python, perhaps of PyTorch", from, to);
        if (IsHdf5(begin))
            return Hdf5(from, to);
        if (begin.StartsWith((ReadOnlySpan<byte>)[0x93, .. "NUMPY"u8]))
            return $"one array of NumPy. To convert it: {Python($"import numpy; from safetensors.numpy import save_file; save_file({{'weight': numpy.load('{from}')}}, '{to}')")}";
        // A protocol buffer: the format's version as field 1, then the producer's name or the graph.
        if (
            begin.Length > 2
            && begin[0] == 8
            && begin[1] is > 0 and < 64
            && begin[2] is 0x12 or 0x3A
        )
            return $"perhaps one of ONNX. To convert it: {Python($"import onnx; from onnx.numpy_helper import to_array; from safetensors.numpy import save_file; save_file({{t.name: to_array(t) for t in onnx.load('{from}').graph.initializer}}, '{to}')")} Names and shapes are the exporter's: LSTM and GRU have other orders of gates than PyTorch.";
        foreach ((byte[] signature, string what) in Packed)
        {
            if (begin.StartsWith(signature))
                return what;
        }
        return begin.Length > 262 && begin[257..].StartsWith("ustar"u8)
            ? "a tar archive: unpack it first."
            : Text(begin);
    }

    /// <summary>Whether the first bytes are those of JSON text.</summary>
    public static bool IsJson(ReadOnlySpan<byte> begin) =>
        begin.StartsWith((byte)'{') && begin[1..].IndexOfAnyInRange((byte)0, (byte)8) < 0;

    private static string Zip(ReadOnlySpan<byte> begin, string from, string to)
    {
        if (begin.IndexOf("data.pkl"u8) >= 0)
            return Torch("one of PyTorch (torch.save)", from, to);
        if (begin.IndexOf(".npy"u8) >= 0)
            return $"arrays of NumPy (.npz). To convert it: {Python($"import numpy; from safetensors.numpy import save_file; save_file(dict(numpy.load('{from}')), '{to}')")}";
        return begin.IndexOf("metadata.json"u8) >= 0 || begin.IndexOf("model.weights.h5"u8) >= 0
            ? "a model of Keras 3 (.keras). To convert it: take model.weights.h5 out of it with unzip, and open that."
            : "a zip archive: unpack it first.";
    }

    private static string Torch(string what, string from, string to) =>
        $"{what}. To convert it: {Python($"import torch; from safetensors.torch import save_file; d = torch.load('{from}', map_location='cpu', weights_only=True); d = d.get('state_dict', d); save_file({{k: v.contiguous().clone() for k, v in d.items() if torch.is_tensor(v)}}, '{to}')")} Where it holds a whole module, save the module's state_dict() so.";

    // MATLAB and Keras put a block of their own before the signature, of 512 bytes or a multiple of that by a power of two.
    private static bool IsHdf5(ReadOnlySpan<byte> begin)
    {
        ReadOnlySpan<byte> signature = [0x89, .. "HDF\r\n"u8, 0x1A, (byte)'\n'];
        for (int at = 0; at < begin.Length; at = at == 0 ? 512 : 2 * at)
        {
            if (begin[at..].StartsWith(signature))
                return true;
        }
        return false;
    }

    private static string Hdf5(string from, string to) =>
        $"one of HDF5, as Keras writes (.h5). To convert it: {Python($"import h5py, numpy; from safetensors.numpy import save_file; d = {{}}; h5py.File('{from}').visititems(lambda n, o: d.update({{n.replace('/', '.'): numpy.ascontiguousarray(o[()].T if 'kernel' in n else o[()])}}) if isinstance(o, h5py.Dataset) else None); save_file(d, '{to}')")} Kernels are turned to PyTorch's order of sizes so; names stay Keras's, and so do the gates of a GRU (z, r, h there; r, z, n here).";

    private static string Python(string code) => $"python3 -c \"{code}\".";

    private static string? Text(ReadOnlySpan<byte> begin)
    {
        ReadOnlySpan<byte> text = begin.TrimStart(" \t\r\n"u8);
        if (IsJson(text))
            return text.IndexOf("\"weight_map\""u8) >= 0
                ? "an index of shards, which TorchWeights.Load reads."
                : "a text in JSON.";
        return
            text.Length > 4
            && (
                text[0] == '<'
                && (text[1] is (byte)'!' or (byte)'?' || char.IsAsciiLetter((char)text[1]))
            )
            ? "a web page or XML: it was not the file itself that was downloaded."
            : null;
    }

    // The path must be safe within single quotes of Python that are within double quotes of a shell.
    private static string Quotable(string path, string otherwise) =>
        path.All(c =>
            char.IsLetterOrDigit(c) || "/._- ~+,:=@".Contains(c, StringComparison.Ordinal)
        )
            ? path
            : otherwise;
}
