using System.CommandLine;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Native;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>sequor doctor: what this machine has, what of it Sequor uses, and what is missing.</summary>
internal static class DoctorCommand
{
    private static readonly TimeSpan CheckTime = TimeSpan.FromMilliseconds(150);

    public static Command Create()
    {
        Option<string?> json = Options.Text(
            "--json",
            "writes the report to a file, as JSON; - prints that in place of the text",
            "FILE|-"
        );
        var command = new Command(
            "doctor",
            "Says what this machine has, what of it is used, and what is missing for a GPU."
        );
        command.Options.Add(json);
        command.SetAction(result => Run(result.GetValue(json)));
        return command;
    }

    private static int Run(string? json)
    {
        using var stop = new StopSignal();
        OutputFile? file = OutputFile.For("--json", json);
        OutputFile.RequireApart(file);
        DoctorReport report = Examine();
        if (file?.IsStandardOutput != true)
            DoctorView.Show(new Screen(), report);
        file?.Write(ReportWriter.ToUtf8(report));
        return ExitCode.Success;
    }

    private static DoctorReport Examine()
    {
        using Backend backend = Backend.Create();
        NativeLibraries libraries = CudaLibraries.Shared.Native;
        return DoctorReport.Of(
            Machine.Read(),
            backend.Info,
            CudaDiagnosis.Of(libraries),
            MatrixProductCheck.Run(CheckTime),
            address => GpuStateReport.Read(libraries, address)
        );
    }
}
