using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Sequor.Layers;
using Sequor.Workloads;
using Sequor.Workloads.Charts;

namespace Sequor.Tool;

/// <summary>
/// sequor page: a page from JSON that was written before, of bench, of suites under BenchmarkDotNet, or of reproduce with sweeps of bench
/// beside it; of the latter a document as well.
/// </summary>
internal static class PageCommand
{
    public const string Name = "page";

    private const string Bench = "sequor.bench/1";
    private const string Suites = "sequor.suites/1";
    private const string Reproduce = "sequor.reproduce/1";

    // As BenchmarkDotNet names what the diagnoser exports.
    private const string SuiteFiles = "*-report-sequor.json";

    public static Command Create()
    {
        Argument<string[]> files = new("FILE")
        {
            Description =
                $"what bench --json wrote, or one or more of suites ({SuiteFiles}), or their folder, or one or more of reproduce --json with those of bench: of --sweep, or of the rungs of a ladder",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<string?> html = Options.Html();
        Option<string?> markdown = Options.Text(
            "--markdown",
            "writes the tables of reproduce as Markdown to a file, in place of those that it has, or to -",
            "FILE|-"
        );
        var command = new Command(
            Name,
            "Makes a page with charts, or a document, from results that were written as JSON before."
        );
        command.Arguments.Add(files);
        command.Options.Add(html);
        command.Options.Add(markdown);
        command.SetAction(result =>
        {
            using var stop = new StopSignal();
            OutputFile? page = OutputFile.For(html.Name, result.GetValue(html));
            OutputFile? document = OutputFile.For(markdown.Name, result.GetValue(markdown));
            if (page is null && document is null)
                throw new UsageException($"{html.Name} or {markdown.Name} is needed: FILE or -");
            OutputFile.RequireApart(page, document);
            string[] given = [.. result.GetValue(files)!.SelectMany(Expand)];
            foreach (string file in given)
                OutputFile.RequireApartFrom(files.Name, file, page, document);
            Made made = Make(given);
            if (document is not null && made.Document is null)
                throw new UsageException(
                    $"{markdown.Name} is for results of {Reproduce}; {html.Name} makes a page of these"
                );
            // Both are made before either is written.
            string? text = document is null
                ? null
                : ResultsPart.Of(result.GetValue(markdown)!, document.ReadText(), made.Document!());
            page?.Write(Encoding.UTF8.GetBytes(made.Page()));
            document?.Write(Encoding.UTF8.GetBytes(text!));
            return ExitCode.Success;
        });
        return command;
    }

    private sealed record Made(Func<string> Page, Func<string>? Document = null);

    private static IEnumerable<string> Expand(string path)
    {
        if (!Directory.Exists(path))
            return [path];
        string[] found;
        try
        {
            found = [.. Directory.GetFiles(path, SuiteFiles).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"'{path}' cannot be read: {e.Message}");
        }
        return found.Length > 0
            ? found
            : throw new UsageException($"the folder '{path}' has no {SuiteFiles}");
    }

    private static Made Make(string[] files)
    {
        (string Path, string Schema, byte[] Json)[] read = [.. files.Select(Read)];
        if (read.Any(file => file.Schema == Reproduce))
        {
            (string Path, ReproductionBook Book)[] books =
            [
                .. read.Select(file => (file.Path, Book(file))),
            ];
            ReproductionBook book = ReproductionBook.Join([.. books.Select(b => b.Book)]);
            if (book.Results.Count + book.Left.Count + book.Sweeps.Count == 0)
                throw new UsageException($"'{read[0].Path}' has no results");
            foreach (var (path, alone) in books.Where(b => b.Book.Steps.Count > 0))
            {
                ReproductionBook beside = book with { Steps = alone.Steps };
                if (!book.Ladders.SelectMany(l => l.Results).Any(r => beside.StepOf(r) is not null))
                    throw new UsageException(
                        $"'{path}' is of one length, and none of its models is a rung of a ladder in the results; beside {Reproduce} stand those, and what bench --sweep measured"
                    );
            }
            book = book with { Differences = AnswerIntervals.Of(book) };
            return new Made(
                () => ReproductionPage.Render(book),
                () => ResultsDocument.Render(book)
            );
        }
        if (read.Any(file => file.Schema == Bench))
        {
            if (read.Length > 1)
                throw new UsageException(
                    $"a page of {Bench} is of one file, and here are {read.Length}; several may be of {Suites}, or of {Reproduce} with sweeps of {Bench}"
                );
            return new Made(() => Page(read[0].Path, read[0].Json));
        }
        return new Made(() =>
            SuitesPage.Render([
                .. read.Select(file =>
                    Whole(file.Path, () => ReportWriter.ReadSuites(Text(file.Json)))
                ),
            ])
        );
    }

    // Of a page of reproductions.
    private static ReproductionBook Book((string Path, string Schema, byte[] Json) file)
    {
        if (file.Schema == Suites)
            throw new UsageException(
                $"'{file.Path}' is of {Suites}, which has no place beside {Reproduce}"
            );
        if (file.Schema == Bench)
        {
            BenchReport sweep = Whole(file.Path, () => ReportWriter.ReadBench(Text(file.Json)));
            if (sweep.Results.Count == 0)
                throw new UsageException($"'{file.Path}' has no results");
            bool grows = sweep.Exponents is { Count: > 0 };
            return new ReproductionBook
            {
                Results = [],
                Sources = [],
                Sweeps = grows ? [sweep] : [],
                Steps = grows ? [] : [sweep],
            };
        }
        try
        {
            using JsonDocument document = JsonDocument.Parse(file.Json);
            return ReproductionFile.Read(new FigureJson(document.RootElement));
        }
        catch (FigureException e)
        {
            throw new UsageException($"'{file.Path}': {e.Message}");
        }
    }

    private static string Page(string path, byte[] json)
    {
        BenchReport report = Whole(path, () => ReportWriter.ReadBench(Text(json)));
        if (report.Results.Count == 0 && report.Status == RunStatus.Finished)
            throw new UsageException($"'{path}' has no results");
        return DateTimeOffset.TryParse(
            report.Date,
            CultureInfo.InvariantCulture,
            out DateTimeOffset date
        )
            ? BenchPage.Render(report, date)
            : throw new UsageException(
                $"'{path}': date is '{Printable.Shortened(report.Date)}', which is none"
            );
    }

    // What compare would refuse has no page either: numbers that are none, times of 0.
    private static (string Path, string Schema, byte[] Json) Read(string path)
    {
        byte[] bytes = JsonInput.Read(path);
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes);
            var json = new FigureJson(document.RootElement);
            string? schema =
                document.RootElement.ValueKind == JsonValueKind.Object
                    ? FigureReader.Schema(json)
                    : null;
            if (schema is not (Bench or Suites or Reproduce))
                throw new UsageException(
                    $"'{path}' is {(schema is null ? "of no schema" : Printable.Shortened(schema, 60))}; {Name} makes pages of {Bench}, {Suites} and {Reproduce}"
                );
            // Older results of reproduce say too little to be compared, and enough for a page.
            if (schema != Reproduce)
                FigureReader.All.Single(reader => reader.Format == schema).Read(json);
            return (path, schema, bytes);
        }
        catch (JsonException)
        {
            throw new UsageException($"'{path}' is damaged or cut off: it is no JSON");
        }
        catch (FigureException e)
        {
            throw new UsageException($"'{path}': {e.Message}");
        }
    }

    private static string Text(byte[] json) => Encoding.UTF8.GetString(json);

    private static T Whole<T>(string path, Func<T?> read)
        where T : class
    {
        try
        {
            return read() ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new UsageException($"'{path}' is no whole report: {e.Message}");
        }
    }
}
