namespace Sequor.Workloads;

/// <summary>A language model of characters, as for Penn Treebank and text8; see <see cref="LanguageData.LoadCharacters"/>.</summary>
internal sealed class CharLmEntry : LanguageEntry
{
    public const string Key = "charlm";

    public override string Name => Key;

    public override int Order => 7;

    public override TaskScore Score => TaskScore.BitsACharacter;

    public override IReadOnlyList<DataFile> Files { get; } =
    [
        new(
            null,
            "a text of your own in UTF-8, such as text8; or a folder with train.txt, valid.txt and test.txt, with ptb.train.txt and so on, or with ptb.char.train.txt and so on"
        ),
    ];

    private protected override int UsualVocabulary => 128;

    private protected override string Unit => CharacterText.Unit;

    public override TaskData Load(string path) => LanguageData.LoadCharacters(path);

    public override IReadOnlyList<string> FilesIn(string folder) =>
        new TextParts(folder, CharacterText.Names).InFolder()?.Files ?? [];
}
