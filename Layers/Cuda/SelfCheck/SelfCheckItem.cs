namespace Sequor.Layers.Cuda;

/// <summary>One part of a GPU's self-check. It is loaded first and run then, so that the time of each is known.</summary>
internal abstract class SelfCheckItem : IDisposable
{
    /// <summary>What reports call it.</summary>
    public abstract string Name { get; }

    /// <summary>Takes memory and runs everything once, after which nothing is left to be compiled or loaded.</summary>
    public abstract void Load();

    /// <summary>Runs the check on what was loaded.</summary>
    /// <returns>Whether it held, and the figure with its bound.</returns>
    public abstract (bool Passed, string Detail) Run();

    /// <summary>Frees what was loaded.</summary>
    public abstract void Dispose();
}
