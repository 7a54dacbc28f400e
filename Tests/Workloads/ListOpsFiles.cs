using System.Text;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>Small files in the form in which ListOps is published.</summary>
internal static class ListOpsFiles
{
    public static readonly string[] FileNames =
    [
        "basic_train.tsv",
        "basic_val.tsv",
        "basic_test.tsv",
    ];

    /// <summary>The text of a file: parentheses stand as the generator's do, around each argument and all before it.</summary>
    public static string Text(int count, ulong seed, int most = 24)
    {
        var text = new StringBuilder("Source\tTarget\n");
        var random = new Philox(seed, 9);
        byte[] tokens = new byte[most];
        for (int i = 0; i < count; i++)
        {
            int length = ListOps.DrawLong(ref random, tokens, out int value);
            text.Append(Published(tokens.AsSpan(0, length)))
                .Append('\t')
                .Append(value)
                .Append('\n');
        }
        return text.ToString();
    }

    /// <summary>Writes the three files.</summary>
    public static void Write(string folder, int train = 6, int held = 3, int most = 24)
    {
        for (int i = 0; i < FileNames.Length; i++)
            File.WriteAllText(
                Path.Combine(folder, FileNames[i]),
                Text(i == 0 ? train : held, (ulong)i, most)
            );
    }

    // As in "( ( [MAX 3 ) 4 ) ]": an opening one for each argument, and for the end.
    private static string Published(ReadOnlySpan<byte> tokens)
    {
        int at = 0;
        return Node(tokens, ref at);
    }

    private static string Node(ReadOnlySpan<byte> tokens, ref int at)
    {
        string word = ListOps.Words[tokens[at++]];
        if (!word.StartsWith('['))
            return word;
        string text = word;
        while (tokens[at] != ListOps.End)
            text = $"( {text} {Node(tokens, ref at)} )";
        at++;
        return $"( {text} ] )";
    }
}
