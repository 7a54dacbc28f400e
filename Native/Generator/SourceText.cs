using System.Globalization;
using System.Text;

namespace Sequor.Native.Generator;

/// <summary>Writes text that is the same on every system.</summary>
internal static class SourceText
{
    public static void Line(this StringBuilder text, string line) => text.Append(line).Append('\n');

    public static string Invariant(FormattableString text) =>
        text.ToString(CultureInfo.InvariantCulture);
}
