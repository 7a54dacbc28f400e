using System.CommandLine;
using System.Text;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Native;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>sequor doctor: what this machine has, what of it Sequor uses, and what is missing.</summary>
internal static class DoctorCommand
{
    private const string StandardOutput = "-";
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
        OutputFile? file = json == StandardOutput ? null : OutputFile.For("--json", json);
        DoctorReport report = Examine();
        byte[] text = ReportWriter.ToUtf8(report);
        if (json == StandardOutput)
            Console.Out.WriteLine(Encoding.UTF8.GetString(text));
        else
            DoctorView.Show(new Screen(), report);
        file?.Write(text);
        return ExitCode.Success;
    }

    private static DoctorReport Examine()
    {
        using Backend backend = Backend.Create();
        return DoctorReport.Of(
            Machine.Read(),
            backend.Info,
            CudaDiagnosis.Of(CudaLibraries.Shared.Native),
            MatrixProductCheck.Run(CheckTime)
        );
    }
}
