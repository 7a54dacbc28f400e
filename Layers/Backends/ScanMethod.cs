namespace Sequor.Layers;

/// <summary>How a GPU splits the scan of an LRU among its threads.</summary>
public enum ScanMethod
{
    /// <summary>A thread walks all time.</summary>
    Wide,

    /// <summary>Time is split into tiles of 64 steps.</summary>
    Tiles64,

    /// <summary>Time is split into tiles of 128 steps.</summary>
    Tiles128,

    /// <summary>Time is split into tiles of 256 steps, and of 128 in the backward pass.</summary>
    Tiles256,
}
