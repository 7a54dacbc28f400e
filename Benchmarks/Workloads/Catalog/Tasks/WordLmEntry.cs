namespace Sequor.Workloads;

/// <summary>
/// A language model of words, as for Penn Treebank and WikiText; see <see cref="LanguageData.LoadWords"/>. The output layer has the weights
/// of the embedding.
/// </summary>
internal sealed class WordLmEntry : LanguageEntry
{
    public const string Key = "wordlm";

    public override string Name => Key;

    public override int Order => 11;

    public override TaskScore Score => TaskScore.Perplexity;

    public override IReadOnlyList<DataFile> Files { get; } =
    [
        new(
            null,
            "a text of your own in UTF-8, a sentence a line; or a folder with train.txt, valid.txt and test.txt, with ptb.train.txt and so on (simple-examples.tgz of Mikolov), or with wiki.train.tokens and so on"
        ),
    ];

    internal override bool IsTied => true;

    private protected override int UsualVocabulary => 10_000;

    private protected override string Unit => WordText.Unit;

    public override TaskData Load(string path) => LanguageData.LoadWords(path);

    public override IReadOnlyList<string> FilesIn(string folder) =>
        new TextParts(folder, WordText.Names).InFolder()?.Files ?? [];
}
