namespace Sequor.Tool;

/// <summary>Reads sequor.counts/1: what a training step gives a GPU to do, and of each kernel its part.</summary>
internal sealed class CountsReader : FigureReader
{
    private static readonly string[] Whole =
    [
        "launches",
        "cudnn_calls",
        "cublas_calls",
        "copies",
        "bytes",
        "flops",
        "floor_us",
    ];

    // Not occupancy, of which less is no gain.
    private static readonly string[] Part =
    [
        "launches",
        "bytes",
        "sectors",
        "bank_conflicts",
        "registers",
        "floor_us",
    ];

    public override string Format => "sequor.counts/1";

    public override FigureFile Read(FigureJson file) =>
        new(
            [
                // Floors and registers are those of a device.
                new Condition("GPU", file["gpu"].Text(), Agreement.Always),
                .. file.Maybe("machine") is null ? [] : MachineOf(file),
            ],
            [.. file["results"].Items().SelectMany(Of)]
        )
        {
            Partial = PartialOf(file),
        };

    private static IEnumerable<Figure> Of(FigureJson result)
    {
        Subject subject = SubjectOf(result, "hidden", "layers", "parameters");
        return
        [
            .. CountedOf(result, subject, null, Whole),
            .. result["kernels"]
                .Items()
                .SelectMany(kernel => CountedOf(kernel, subject, kernel["name"].Text(), Part)),
        ];
    }
}
