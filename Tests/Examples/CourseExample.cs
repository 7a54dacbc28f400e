using System.Reflection;
using System.Text.RegularExpressions;

namespace Sequor.Tests.Examples;

/// <summary>A numbered example of docs/examples: its text, what it prints, and its program, which runs within this process.</summary>
internal sealed partial class CourseExample
{
    private const string Resources = "course/";
    private const string Outputs = "course/output/";

    private CourseExample(string file) => File = file;

    /// <summary>The examples in C#, in their order.</summary>
    public static IReadOnlyList<CourseExample> All { get; } =
    [
        .. typeof(CourseExample)
            .Assembly.GetManifestResourceNames()
            .Where(name =>
                name.StartsWith(Resources, StringComparison.Ordinal)
                && name.EndsWith(".cs", StringComparison.Ordinal)
            )
            .Order(StringComparer.Ordinal)
            .Select(name => new CourseExample(name[Resources.Length..])),
    ];

    /// <summary>The file's name, as 01-mnist.cs.</summary>
    public string File { get; }

    /// <summary>The name without its ending.</summary>
    public string Name => Path.GetFileNameWithoutExtension(File);

    /// <summary>The file's text.</summary>
    public string Text => Resource(Resources + File);

    /// <summary>What it printed when it was run at full size: first the command behind a $, then its lines.</summary>
    public IReadOnlyList<string> Output =>
        Resource($"{Outputs}{Name}.txt").TrimEnd('\n').Split('\n');

    public static CourseExample Of(string name) => All.Single(example => example.Name == name);

    /// <summary>Runs the program.</summary>
    public (int ExitCode, string Output, string Error) Run(params string[] arguments)
    {
        Assembly program = Assembly.LoadFrom(
            Path.Combine(AppContext.BaseDirectory, "course", $"Sequor.Example.{Name}.dll")
        );
        (TextWriter output, TextWriter error) = (Console.Out, Console.Error);
        using var printed = new StringWriter { NewLine = "\n" };
        using var told = new StringWriter { NewLine = "\n" };
        Console.SetOut(printed);
        Console.SetError(told);
        try
        {
            int code = (int)
                program.EntryPoint!.Invoke(
                    null,
                    BindingFlags.DoNotWrapExceptions,
                    null,
                    [arguments],
                    null
                )!;
            return (code, printed.ToString(), told.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }

    /// <summary>
    /// The lines of an output without their numbers: a # for each. Lines that are alike otherwise count once, so that a longer run has the
    /// same shape. What begins with > is any text, and rows that are further in are those of a table, whose names and order are of the run.
    /// </summary>
    public static IReadOnlyList<string> Shape(IEnumerable<string> lines)
    {
        var shape = new List<string>();
        foreach (string line in lines)
        {
            string form =
                line.StartsWith('>') ? "> text"
                : line.StartsWith("  ", StringComparison.Ordinal) ? "  row"
                : Number().Replace(line, "#");
            if (shape.Count == 0 || shape[^1] != form)
                shape.Add(form);
        }
        return shape;
    }

    /// <summary>The numbers of an output, but for those that are times.</summary>
    public static IReadOnlyList<double> Numbers(IEnumerable<string> lines) =>
        [
            .. lines
                .Where(line => !line.StartsWith('>'))
                .SelectMany(line => Number().Matches(line))
                .Where(match => !match.Groups["time"].Success)
                .Select(match =>
                    double.Parse(
                        match.Groups["value"].Value,
                        System.Globalization.CultureInfo.InvariantCulture
                    )
                ),
        ];

    public override string ToString() => Name;

    private static string Resource(string name)
    {
        using Stream stream =
            typeof(CourseExample).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"There is no {name}.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }

    // Blanks before a number line columns up.
    [GeneratedRegex(@" *(?<![\w.])(?<value>-?\d+(?:\.\d+)?(?:E[+-]\d+)?)(?<time> (?:ms|us|s)\b)?")]
    private static partial Regex Number();
}
