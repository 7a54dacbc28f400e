using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Sequor.Layers;
using Sequor.Workloads;
using Sequor.Workloads.Charts;

namespace Sequor.Tool;

/// <summary>sequor page: a page from JSON that was written before, of bench or of suites under BenchmarkDotNet.</summary>
internal static class PageCommand
{
    public const string Name = "page";

    private const string Bench = "sequor.bench/1";
    private const string Suites = "sequor.suites/1";

    // As BenchmarkDotNet names what the diagnoser exports.
    private const string SuiteFiles = "*-report-sequor.json";

    public static Command Create()
    {
        Argument<string[]> files = new("FILE")
        {
            Description =
                $"what bench --json wrote, or one or more of suites ({SuiteFiles}), or their folder",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<string?> html = Options.Html();
        html.Required = true;
        var command = new Command(
            Name,
            "Makes a page with charts from results that were written as JSON before."
        );
        command.Arguments.Add(files);
        command.Options.Add(html);
        command.SetAction(result =>
        {
            using var stop = new StopSignal();
            StopSignal.EndAtOnce(stop);
            OutputFile page = OutputFile.For(html.Name, result.GetValue(html))!;
            OutputFile.RequireApart(page);
            string[] given = [.. result.GetValue(files)!.SelectMany(Expand)];
            foreach (string file in given)
                OutputFile.RequireApartFrom(files.Name, file, page);
            page.Write(Encoding.UTF8.GetBytes(Render(given)));
            return ExitCode.Success;
        });
        return command;
    }

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

    private static string Render(string[] files)
    {
        (string Path, string Schema, byte[] Json)[] read = [.. files.Select(Read)];
        if (read.Any(file => file.Schema == Bench))
        {
            if (read.Length > 1)
                throw new UsageException(
                    $"a page of {Bench} is of one file, and here are {read.Length}; several may be of {Suites}"
                );
            return Page(read[0].Path, read[0].Json);
        }
        return SuitesPage.Render([
            .. read.Select(file =>
                Whole(file.Path, () => ReportWriter.ReadSuites(Text(file.Json)))
            ),
        ]);
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
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UsageException($"there is no file or folder '{path}'");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"'{path}' cannot be read: {e.Message}");
        }
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes);
            var json = new FigureJson(document.RootElement);
            string? schema =
                document.RootElement.ValueKind == JsonValueKind.Object
                    ? FigureReader.Schema(json)
                    : null;
            if (schema is not (Bench or Suites))
                throw new UsageException(
                    $"'{path}' is {(schema is null ? "of no schema" : Printable.Shortened(schema, 60))}; {Name} makes pages of {Bench} and {Suites}"
                );
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
