using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters.Json;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using Sequor.Suites;

// In this process, so that no project is generated and built: what was built is what is measured. An argument of
// --outOfProcess gives each benchmark a process of its own again, which needs the SDK.
const string OutOfProcess = "--outOfProcess";
List<string> arguments = [.. args.Where(a => !Is(a, OutOfProcess))];
if (!args.Any(a => Is(a, OutOfProcess)))
    arguments.Add("--inProcess");

// Shapes are told in full: what BenchmarkDotNet shortens would be equal.
const int WidestShape = 64;

// Without a filter the switcher would ask, and wait for an answer.
string[] selecting = ["-f", "--filter", "--list", "--help", "--version", "--info"];
if (!args.Any(a => selecting.Any(s => Is(a, s))))
    arguments.AddRange(["--filter", "*"]);

IConfig config = DefaultConfig
    .Instance.AddDiagnoser(MemoryDiagnoser.Default)
    .AddExporter(JsonExporter.Full)
    .AddColumn(StatisticColumn.Median, StatisticColumn.P95)
    .WithSummaryStyle(SummaryStyle.Default.WithMaxParameterColumnWidth(WidestShape));

IEnumerable<Summary> summaries = BenchmarkSwitcher
    .FromAssembly(typeof(Suite).Assembly)
    .Run([.. arguments], config);
bool failed = summaries.Any(s =>
    s.HasCriticalValidationErrors || s.Reports.Any(report => !report.Success)
);
return failed ? 1 : 0;

static bool Is(string argument, string option) =>
    argument.Equals(option, StringComparison.OrdinalIgnoreCase);
