namespace Sequor.Layers;

/// <summary>
/// The numbers by which libraries tell each other CUDA streams, in `__dlpack__(stream=...)` and in the CUDA array interface: 1 is the legacy
/// default stream, 2 the calling thread's default stream, and a larger one the address of a stream. 0 could be any default stream, and is
/// refused.
/// </summary>
internal static class StreamNumber
{
    /// <summary>No stream: the other side has seen to the order by itself.</summary>
    public const long None = -1;

    /// <summary>The legacy default stream.</summary>
    public const long LegacyDefault = 1;

    /// <summary>Refuses a number that is no stream's.</summary>
    /// <exception cref="ArgumentException">It is 0, or below -1.</exception>
    public static void Require(long stream)
    {
        if (stream == 0)
            throw new ArgumentException(
                "Stream 0 could be any of the default streams: give 1 for the legacy default stream, 2 for the thread's own, or -1 where nothing has to wait."
            );
        if (stream < None)
            throw new ArgumentException(
                $"{stream} is no stream: there are 1 (the legacy default stream), 2 (the thread's own), addresses of streams above, and -1 where nothing has to wait."
            );
    }
}
