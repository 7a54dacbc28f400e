using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Sequor.Interop;
using Sequor.Native;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// What an answer that was found on a GPU is good for: another device, driver, library or version of Sequor may want another one.
/// Two that are equal are the same in all of this.
/// </summary>
/// <param name="Device">The device's name, such as NVIDIA H100 80GB HBM3.</param>
/// <param name="ComputeCapability">Such as 9.0.</param>
/// <param name="Driver">Version of the display driver, or where that is not known the newest CUDA that it supports.</param>
/// <param name="CuDnn">cuDNN's version.</param>
/// <param name="CuBlas">cuBLAS's version.</param>
/// <param name="Sequor">Sequor's version, and behind a plus sign the begin of a hash of its kernels.</param>
internal sealed record CudaIdentity(
    string Device,
    string ComputeCapability,
    string Driver,
    string CuDnn,
    string CuBlas,
    string Sequor
)
{
    private const int HashDigits = 12;

    private static readonly Lazy<string> Own = new(() => $"{Version}+{KernelHash()[..HashDigits]}");

    /// <summary>That of a device and the libraries that it was opened with.</summary>
    public static CudaIdentity Of(CudaDevice device)
    {
        NativeLibraries native = device.Libraries.Native;
        return new CudaIdentity(
            device.Name,
            device.ComputeCapability.ToString(),
            native.DisplayDriverVersion ?? $"for CUDA {native.Driver.Version}",
            native.CuDnn.Version,
            native.CuBlas.Version,
            Own.Value
        );
    }

    /// <summary>One line, for people and for files: it holds all parts in their order, and no line's end.</summary>
    public override string ToString() =>
        Printable.Of(
            $"{Device}, compute capability {ComputeCapability}, driver {Driver}, cuDNN {CuDnn}, cuBLAS {CuBlas}, Sequor {Sequor}"
        );

    private static string Version =>
        (
            typeof(CudaIdentity)
                .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
                ?.InformationalVersion
            ?? "0.0.0"
        ).Split('+')[0];

    private static string KernelHash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string name in KernelImages.Names)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(name));
            hash.AppendData(KernelImages.Image(name));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
