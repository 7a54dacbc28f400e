using Markdig;
using Markdig.Extensions.AutoIdentifiers;
using Markdig.Renderers.Html;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace Sequor.Site;

/// <summary>What a Markdown file links to, and what it has that others can link to.</summary>
internal sealed class MarkdownFile
{
    // Anchors as forges and docfx make them.
    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder()
        .UseYamlFrontMatter()
        .UsePipeTables()
        .UseAutoIdentifiers(AutoIdentifierOptions.GitHub)
        .Build();

    /// <param name="text">The file's text.</param>
    public MarkdownFile(string text)
    {
        MarkdownDocument document = Markdown.Parse(text, Pipeline);
        Links =
        [
            .. document
                .Descendants<LinkInline>()
                .Where(link => !string.IsNullOrEmpty(link.Url))
                .Select(link => new MarkdownLink(link.Url!, link.Line + 1)),
        ];
        Anchors = document
            .Descendants<HeadingBlock>()
            .Select(heading => heading.TryGetAttributes()?.Id)
            .OfType<string>()
            .ToHashSet();
        Title = document.Descendants<HeadingBlock>().FirstOrDefault() is { Level: 1 } first
            ? Text(first)
            : null;
    }

    /// <summary>The links and pictures, in order.</summary>
    public IReadOnlyList<MarkdownLink> Links { get; }

    /// <summary>The anchors of headings.</summary>
    public IReadOnlySet<string> Anchors { get; }

    /// <summary>The first heading, if it is one of the first level.</summary>
    public string? Title { get; }

    private static string Text(HeadingBlock heading) =>
        string.Concat(
            heading
                .Inline!.Descendants()
                .Select(inline =>
                    inline switch
                    {
                        LiteralInline literal => literal.Content.ToString(),
                        CodeInline code => code.Content,
                        _ => "",
                    }
                )
        );
}

/// <summary>A link of a Markdown file.</summary>
/// <param name="Url">Where it leads.</param>
/// <param name="Line">Its line, from 1.</param>
internal readonly record struct MarkdownLink(string Url, int Line)
{
    /// <summary>Whether it leads out of the repository, or into a mail.</summary>
    public bool IsElsewhere => Url.Contains(':', StringComparison.Ordinal);
}
