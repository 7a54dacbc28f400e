namespace Sequor.FirstContact;

/// <summary>The command lines of `bench` that are compared; the one place where they are put together.</summary>
internal static class BenchArguments
{
    /// <summary>The variants, and what each adds to the command line.</summary>
    public static IReadOnlyList<(string Name, string[] Arguments)> Variants { get; } =
    [
        .. from tuned in (bool[])[true, false]
        from graph in (bool[])[true, false]
        select (
            $"{(tuned ? "tuned" : "untuned")}, graph {(graph ? "on" : "off")}",
            Variant(tuned, graph)
        ),
    ];

    /// <summary>What a variant adds to the command line.</summary>
    public static string[] Variant(bool tuned, bool graph) =>
        ["--autotune", tuned ? "on" : "off", "--graph", graph ? "on" : "off"];

    /// <summary>A command line.</summary>
    /// <param name="isVirtual">A dry run: small and short.</param>
    public static string[] Of(string[] variant, bool isVirtual, string json) =>
        [
            "bench",
            "--device",
            "cuda",
            .. variant,
            "--json",
            json,
            .. isVirtual
                ? "--length 6 --batch 2 --hidden 4 --layers 1 --steps 2 --warmup 1".Split(' ')
                : "--length 600 --batch 32 --steps 30 --warmup 30".Split(' '),
        ];
}
