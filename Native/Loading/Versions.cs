using System.Globalization;

namespace Sequor.Native;

/// <summary>Turns the libraries' version numbers into the usual form.</summary>
internal static class Versions
{
    /// <summary>The CUDA version of a number, such as 12.4 of 12040.</summary>
    public static string Cuda(int version) =>
        string.Create(CultureInfo.InvariantCulture, $"{version / 1000}.{version % 1000 / 10}");

    /// <summary>
    /// The cuDNN version of a number, such as 9.6.0 of 90600. Before version 9 it had one digit less, such as 8.9.2 of 8902.
    /// </summary>
    public static Version CuDnn(nuint version)
    {
        int v = checked((int)version);
        int unit = v >= 90000 ? 10000 : 1000;
        return new Version(v / unit, v % unit / 100, v % 100);
    }
}
