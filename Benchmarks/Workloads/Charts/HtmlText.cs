using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;
using Sequor.Layers;

namespace Sequor.Workloads.Charts;

/// <summary>
/// HTML as it grows. What stands in the holes of an added text is escaped, so that a hostile name stays a name, and shows its
/// control characters; only other <see cref="HtmlText"/> goes in as it is.
/// </summary>
internal sealed class HtmlText
{
    private readonly StringBuilder _text = new();

    /// <summary>HTML with escaped holes.</summary>
    public static HtmlText Of(Template template)
    {
        var html = new HtmlText();
        html._text.Append(template.Text);
        return html;
    }

    /// <summary>Adds HTML with escaped holes.</summary>
    public HtmlText Add(Template template)
    {
        _text.Append(template.Text);
        return this;
    }

    /// <summary>Adds what was written by this project: styles and scripts.</summary>
    public HtmlText AddTrusted(string html)
    {
        _text.Append(html);
        return this;
    }

    /// <inheritdoc/>
    public override string ToString() => _text.ToString();

    [InterpolatedStringHandler]
    internal readonly struct Template(int literalLength, int holes)
    {
        public StringBuilder Text { get; } = new(literalLength + (16 * holes));

        public void AppendLiteral(string html) => Text.Append(html);

        public void AppendFormatted(string? text) =>
            Text.Append(WebUtility.HtmlEncode(Printable.Of(text ?? "", lines: true)));

        public void AppendFormatted(HtmlText html) => Text.Append(html._text);

        public void AppendFormatted(IEnumerable<HtmlText> parts)
        {
            foreach (HtmlText part in parts)
                Text.Append(part._text);
        }

        public void AppendFormatted(IFormattable value, string? format = null) =>
            AppendFormatted(value.ToString(format, CultureInfo.InvariantCulture));
    }
}
