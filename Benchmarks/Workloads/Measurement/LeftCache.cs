namespace Sequor.Workloads;

/// <summary>
/// A cache that holds what one of two steps works on and not what the other does, so that the other reads from farther away.
/// </summary>
/// <param name="Level">The cache's level.</param>
/// <param name="CacheBytes">All caches of that level together.</param>
/// <param name="What">What is compared: parameters, or all the memory that a step takes.</param>
/// <param name="FastBytes">Of the step whose part fits.</param>
/// <param name="SlowBytes">Of the one whose part does not.</param>
public sealed record LeftCache(
    int Level,
    long CacheBytes,
    string What,
    long FastBytes,
    long SlowBytes
)
{
    /// <summary>What <see cref="What"/> calls the parameters.</summary>
    public const string Parameters = "parameters";

    /// <summary>What <see cref="What"/> calls all the memory of a step.</summary>
    public const string Memory = "memory";

    /// <summary>
    /// The farthest cache that the slower of two neighbours leaves; null where it leaves none: both fit in the same level.
    /// </summary>
    /// <param name="cliff">Two neighbours.</param>
    /// <param name="caches">The processor's.</param>
    public static LeftCache? Between(StepGrid.Cliff cliff, IReadOnlyList<CacheLevel> caches) =>
        caches
            .Reverse()
            .SelectMany(cache =>
                (LeftCache[])
                    [
                        new(
                            cache.Level,
                            cache.Bytes,
                            Parameters,
                            Weights(cliff.Fast),
                            Weights(cliff.Slow)
                        ),
                        new(
                            cache.Level,
                            cache.Bytes,
                            Memory,
                            cliff.Fast.Measured!.PeakBytes,
                            cliff.Slow.Measured!.PeakBytes
                        ),
                    ]
            )
            .FirstOrDefault(left =>
                left.FastBytes <= left.CacheBytes && left.SlowBytes > left.CacheBytes
            );

    private static long Weights(StepGrid.Cell cell) => sizeof(float) * cell.Workload.Parameters;
}
