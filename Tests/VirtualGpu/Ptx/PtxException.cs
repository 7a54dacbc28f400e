namespace Sequor.VirtualGpu.Ptx;

/// <summary>PTX that is not understood or not supported.</summary>
/// <param name="what">The name of what is refused.</param>
/// <param name="line">Its line in the text, from 1.</param>
/// <param name="why">What is wrong.</param>
internal sealed class PtxException(string what, int line, string why)
    : Exception($"PTX line {line}: '{Shortened(what)}' {why}")
{
    public string What => what;

    public int Line => line;

    private static string Shortened(string text) => text.Length <= 200 ? text : $"{text[..200]}...";
}
