namespace Sequor.FirstContact;

/// <summary>A way in which a peer's program measures a training step.</summary>
/// <param name="Name">The mode's name in figures.</param>
/// <param name="Graph">Whether this library's step beside it is a graph.</param>
/// <param name="Script">The peer's program, beside this one's.</param>
/// <param name="Only">The one architecture that the peer has; null for all.</param>
internal sealed record PeerMode(string Name, bool Graph, string Script, string? Only = null);

/// <summary>A library of Python's that steps are set beside.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Probe">A program of one line that prints its version and whether it sees a GPU: True, or something else.</param>
/// <param name="Modes">How its steps are measured.</param>
internal sealed record PythonPeer(string Name, string Probe, IReadOnlyList<PeerMode> Modes)
{
    /// <summary>Those there are, in the order of what is measured: what has to be compiled last.</summary>
    public static IReadOnlyList<PythonPeer> All { get; } =
    [
        new(
            "PyTorch",
            "import torch; print(torch.__version__, torch.cuda.is_available())",
            [
                new("eager", false, "torch_peer.py"),
                new("graphed", true, "torch_peer.py"),
                new("compiled", true, "torch_peer.py"),
            ]
        ),
        new(
            "JAX",
            "import jax; print(jax.__version__, any(d.platform == 'gpu' for d in jax.devices()))",
            [new("jax", true, "jax_peer.py", "lru")]
        ),
    ];

    /// <summary>Why it can't be measured with a Python; null if it can.</summary>
    public string? Missing(string python)
    {
        string? lost = Modes
            .Select(m => PathOf(m.Script))
            .FirstOrDefault(path => !File.Exists(path));
        if (lost is not null)
            return $"there is no {lost}";
        FinishedProcess probe = OtherProcess.Run(python, ["-c", Probe]);
        return probe.ExitCode == 0 && probe.Output.Contains("True", StringComparison.Ordinal)
            ? null
            : $"{Name} sees no GPU: {probe.LastWords}";
    }

    /// <summary>Where a peer's program lies.</summary>
    public static string PathOf(string script) => Path.Combine(AppContext.BaseDirectory, script);
}
