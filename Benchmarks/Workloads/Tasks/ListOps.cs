using System.Text;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// Expressions such as [MAX 4 3 [MIN 2 3 ] 1 0 ], whose value is a digit: the grammar of ListOps as the Long Range Arena draws it. A
/// node at a depth below 10 is an operator with probability 1/4 and has then 2 to 10 arguments; else it is a digit. The root has depth 1.
/// </summary>
/// <remarks>
/// Sources: Nangia and Bowman, ListOps: A Diagnostic Dataset for Latent Tree Learning (2018); Tay et al., Long Range Arena (2021), its
/// generator of the task, whose parentheses are no tokens.
/// </remarks>
public static class ListOps
{
    /// <summary>What stands where there is no token.</summary>
    public const byte Padding = 0;

    /// <summary>The end of an operator's arguments.</summary>
    public const byte End = 15;

    /// <summary>Tokens that there are, with the padding.</summary>
    public const int Tokens = 16;

    /// <summary>Values that an expression can have.</summary>
    public const int Values = 10;

    /// <summary>The most expressions within each other, the whole and a digit included.</summary>
    public const int Deepest = 10;

    /// <summary>The tokens' words, in the order of their numbers; the padding's is empty.</summary>
    public static IReadOnlyList<string> Words { get; } =
    ["", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "[MIN", "[MAX", "[MED", "[SM", "]"];

    private const int Operators = 4;
    private const int FewestArguments = 2;
    private const int MostArguments = 10;
    private const float OperatorChance = 0.25f;
    private const byte FirstDigit = 1;
    private const byte FirstOperator = FirstDigit + Values;

    /// <summary>
    /// The tokens that an expression of a set must have more of: a quarter of the most, with which 500 to 2000 (both exclusive) are those
    /// of the paper, where at most 1999 are asked for, and 512 gives more than 128.
    /// </summary>
    /// <param name="most">The most tokens.</param>
    public static int Above(int most) => (int)((most + 1L) / 4);

    /// <summary>Draws an expression.</summary>
    /// <param name="random">Where the numbers come from.</param>
    /// <param name="tokens">Room for the most tokens that it may have.</param>
    /// <param name="value">Its value.</param>
    /// <returns>How many tokens it has; 0 where they would be more than there is room for.</returns>
    public static int Draw(ref Philox random, Span<byte> tokens, out int value)
    {
        int length = 0;
        value = Node(ref random, tokens, ref length, 1);
        return value < 0 ? 0 : length;
    }

    /// <summary>Draws expressions until one has a length.</summary>
    /// <param name="random">Where the numbers come from.</param>
    /// <param name="tokens">Room for the most tokens that it may have; it must have more than <see cref="Above"/> of it.</param>
    /// <param name="value">Its value.</param>
    /// <returns>How many tokens it has.</returns>
    public static int DrawLong(ref Philox random, Span<byte> tokens, out int value)
    {
        int above = Above(tokens.Length);
        while (true)
        {
            int length = Draw(ref random, tokens, out value);
            if (length > above)
                return length;
        }
    }

    /// <summary>The value of an expression.</summary>
    /// <param name="tokens">Its tokens, and nothing else.</param>
    /// <returns>0 to 9; null where the tokens are no expression.</returns>
    public static int? Evaluate(ReadOnlySpan<byte> tokens)
    {
        int at = 0;
        int value = Read(tokens, ref at, 1);
        return value >= 0 && at == tokens.Length ? value : null;
    }

    /// <summary>An expression in words.</summary>
    public static string Text(ReadOnlySpan<byte> tokens)
    {
        var text = new StringBuilder();
        foreach (byte token in tokens)
            text.Append(text.Length > 0 ? " " : "").Append(Words[token]);
        return text.ToString();
    }

    // The value, or -1 where there is no room.
    private static int Node(ref Philox random, Span<byte> tokens, ref int length, int depth)
    {
        if (length == tokens.Length)
            return -1;
        if (depth >= Deepest || random.NextFloat() > OperatorChance)
        {
            int digit = random.Next(Values);
            tokens[length++] = (byte)(FirstDigit + digit);
            return digit;
        }
        int count = FewestArguments + random.Next(MostArguments - FewestArguments + 1);
        int operation = random.Next(Operators);
        tokens[length++] = (byte)(FirstOperator + operation);
        Span<byte> arguments = stackalloc byte[MostArguments];
        for (int i = 0; i < count; i++)
        {
            int value = Node(ref random, tokens, ref length, depth + 1);
            if (value < 0)
                return -1;
            arguments[i] = (byte)value;
        }
        if (length == tokens.Length)
            return -1;
        tokens[length++] = End;
        return Apply(operation, arguments[..count]);
    }

    // The value of the expression that begins at a place, or -1 where none does. The grammar's depth bounds the calls.
    private static int Read(ReadOnlySpan<byte> tokens, ref int at, int depth)
    {
        if (at == tokens.Length || depth > Deepest)
            return -1;
        int token = tokens[at++];
        if (token is >= FirstDigit and < FirstOperator)
            return token - FirstDigit;
        if (token is < FirstOperator or >= End)
            return -1;
        Span<byte> arguments = stackalloc byte[MostArguments];
        int count = 0;
        while (at < tokens.Length && tokens[at] != End)
        {
            int value = count == MostArguments ? -1 : Read(tokens, ref at, depth + 1);
            if (value < 0)
                return -1;
            arguments[count++] = (byte)value;
        }
        if (at == tokens.Length || count < FewestArguments)
            return -1;
        at++;
        return Apply(token - FirstOperator, arguments[..count]);
    }

    private static int Apply(int operation, Span<byte> arguments)
    {
        switch (operation)
        {
            case 0 or 1:
            {
                byte best = arguments[0];
                foreach (byte value in arguments)
                    best = operation == 0 ? Math.Min(best, value) : Math.Max(best, value);
                return best;
            }
            case 2:
                // Of an even number of values the mean of the middle two, without what is after its point.
                arguments.Sort();
                return (arguments[(arguments.Length - 1) / 2] + arguments[arguments.Length / 2])
                    / 2;
            default:
            {
                int sum = 0;
                foreach (byte value in arguments)
                    sum += value;
                return sum % Values;
            }
        }
    }
}
