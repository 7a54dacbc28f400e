using NUnit.Framework;
using Sequor.Tests.Support;
using Sequor.Tests.Training;
using Sequor.Tests.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>Reproductions of songs, with a folder for their checkpoints.</summary>
public abstract class ReproduceFixture : FolderTest
{
    /// <summary>The songs.</summary>
    protected string Data { get; private set; } = "";

    protected string Checkpoints => PathOf("runs");

    /// <summary>The checkpoint of the small GRU with the first seed.</summary>
    protected string SavedGru => Path.Combine(Checkpoints, "jsb-gru-20k-seed1.safetensors");

    [SetUp]
    public void WriteSongs() => Data = Songs.Write(Folder);
}
