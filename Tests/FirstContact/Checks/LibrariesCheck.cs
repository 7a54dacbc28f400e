using Sequor.Interop;

namespace Sequor.FirstContact;

/// <summary>Driver, cuDNN and cuBLAS are found, and the same ones where the environment is empty.</summary>
internal sealed class LibrariesCheck : Check
{
    public override string Name => "libraries";

    public override string Proves =>
        "driver, cuDNN and cuBLAS are found, also with an empty environment";

    public override TimeSpan Limit => TimeSpan.FromSeconds(30);

    public override CheckOutcome Run(CheckContext context)
    {
        if (context.Libraries.Failure is { } failure)
            return CheckOutcome.Failed(failure.Reason);
        string versions = Versions(context.Libraries);
        var figures = new Figure("devices", context.Libraries.Devices.Count, "");
        // An empty environment has none of the faults that a dry run was given.
        FinishedProcess bare = context.Probe(["libraries"], emptyEnvironment: true);
        if (bare.ExitCode != 0)
            return CheckOutcome.Failed($"with an empty environment: {bare.LastWords}", figures);
        string found = bare.Output.Trim();
        return found == versions
            ? CheckOutcome.Held(figures)
            : CheckOutcome.Differed($"{versions}; with an empty environment {found}", figures);
    }

    /// <summary>What was found, in a line.</summary>
    public static string Versions(CudaLibraries libraries) =>
        $"driver {libraries.Native.Driver.Version}, cuDNN {libraries.Native.CuDnn.Version}, cuBLAS {libraries.Native.CuBlas.Version}";
}
