using System.CommandLine;
using System.Globalization;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>sequor doctor: what this machine has, and what of it Sequor uses.</summary>
internal static class DoctorCommand
{
    private static readonly TimeSpan CheckTime = TimeSpan.FromMilliseconds(150);

    public static Command Create()
    {
        Option<string?> json = Options.Json();
        var command = new Command("doctor", "Says what this machine has, and what of it is used.");
        command.Options.Add(json);
        command.SetAction(result =>
        {
            OutputFile? file = OutputFile.For("--json", result.GetValue(json));
            Machine machine = Machine.Read();
            var report = new DoctorReport
            {
                Machine = machine,
                Cuda = new Availability(false, CudaReason()),
                Libraries = [],
                MatrixProduct = MatrixProductCheck.Run(CheckTime),
            };
            Show(new Screen(), report);
            file?.Write(ReportWriter.ToUtf8(report));
            return ExitCode.Success;
        });
        return command;
    }

    private static string CudaReason()
    {
        try
        {
            using Backend backend = Backend.Create("cuda");
            return "";
        }
        catch (DeviceUnavailableException e)
        {
            return e.Message;
        }
    }

    private static void Show(Screen screen, DoctorReport report)
    {
        Machine m = report.Machine;
        Throughput speed = report.MatrixProduct;
        string commit = m.Commit is { } id ? $" ({id})" : "";
        Line("sequor", $"{m.Sequor}{commit}");
        Line("runtime", $".NET {m.Dotnet}, {m.Architecture}");
        Line("system", $"{m.Os}");
        Line("processor", $"{m.Cpu}");
        Line("cores", $"{m.Cores}");
        Line("vectors", $"{m.VectorBits} bits");
        Line("memory", $"{m.MemoryBytes / (double)(1L << 30):0.0} GiB");
        Line(
            "cpu",
            $"available; matrix product {speed.OneThread:0} GFLOP/s on one thread, {speed.AllThreads:0} on {speed.Threads}"
        );
        Line("cuda", $"{(report.Cuda.Available ? "available" : report.Cuda.Reason)}");

        void Line(string name, FormattableString text) =>
            screen.Line($"{name, -10} {text.ToString(CultureInfo.InvariantCulture)}");
    }
}
