namespace Sequor.Peers;

/// <summary>A library that is measured: what it has, and how a model of it is made.</summary>
internal abstract class Peer
{
    /// <summary>What compare.py calls it, and under what the result has its version.</summary>
    public abstract string Name { get; }

    /// <summary>What the program does, for its help.</summary>
    public abstract string Description { get; }

    /// <summary>The architectures that it has, by the names of Sequor's catalogue.</summary>
    public abstract IReadOnlyList<string> Architectures { get; }

    /// <summary>Those of which it has a model of words.</summary>
    public virtual IReadOnlyList<string> LanguageModels => [];

    /// <summary>What it can be measured at: training, inference, stream. The first is taken where nothing is said.</summary>
    public abstract IReadOnlyList<string> Measures { get; }

    /// <summary>The version of the library, which is loaded for it.</summary>
    /// <exception cref="Exception">What the loader throws, of whatever type.</exception>
    public abstract string Load();

    /// <summary>A model with everything that a step of it needs.</summary>
    public abstract PeerStep Create(PeerSettings settings);
}

/// <summary>One step of a model, ready to be taken again and again.</summary>
internal abstract class PeerStep : IDisposable
{
    /// <summary>Trained values.</summary>
    public abstract long Parameters { get; }

    /// <summary>Takes the step, and ends when it is done.</summary>
    public abstract void Run();

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>What is measured.</summary>
/// <param name="Arch">The architecture, one of <see cref="Peer.Architectures"/>.</param>
/// <param name="Measure">One of <see cref="Peer.Measures"/>.</param>
/// <param name="Hidden">Hidden units or channels.</param>
/// <param name="Layers">Layers, levels or blocks.</param>
/// <param name="Length">T, steps of a sequence; 1 of a stream.</param>
/// <param name="Batch">Sequences a step; 1 of a stream.</param>
/// <param name="Steps">Measured steps.</param>
/// <param name="Warmup">Steps before them.</param>
/// <param name="Classes">
/// Words of a language model, whose embedding is its output layer too and which has an answer at every step; 0 for the adding problem.
/// </param>
/// <param name="Threads">Threads of the library.</param>
/// <param name="Seed">Of parameters and data.</param>
internal sealed record PeerSettings(
    string Arch,
    string Measure,
    int Hidden,
    int Layers,
    int Length,
    int Batch,
    int Steps,
    int Warmup,
    int Classes,
    int Threads,
    int Seed
)
{
    /// <summary>Values of a step's input, those of the adding problem.</summary>
    public const int Inputs = 2;

    /// <summary>Values of an answer.</summary>
    public const int Outputs = 1;

    /// <summary>Taps of a TCN's convolutions.</summary>
    public const int Kernel = 8;

    /// <summary>What is measured step by step, with the states carried on.</summary>
    public const string Stream = "stream";
}
