using System.Text.Json.Serialization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The GPU of a report, and what computed on it.</summary>
/// <param name="Name">Such as NVIDIA H100 80GB HBM3.</param>
/// <param name="ComputeCapability">Such as 9.0.</param>
/// <param name="MemoryBytes">All of its memory.</param>
/// <param name="Driver">Version of the display driver; null where it is not known.</param>
/// <param name="Cuda">The newest CUDA that the driver supports.</param>
/// <param name="Cudnn">cuDNN's version.</param>
/// <param name="Cublas">cuBLAS's version.</param>
/// <param name="Arithmetic">fp32 or tf32.</param>
/// <param name="Convolution">shifted-products or cudnn.</param>
public sealed record GpuReport(
    string Name,
    string ComputeCapability,
    long MemoryBytes,
    string? Driver,
    string Cuda,
    string Cudnn,
    string Cublas,
    string Arithmetic,
    string Convolution
)
{
    /// <summary>What failed in its self-check; only where something did.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Warning { get; init; }

    /// <summary>The GPU of a backend; null for a CPU.</summary>
    public static GpuReport? Of(BackendInfo device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return device.Gpu is not { } gpu
            ? null
            : new GpuReport(
                gpu.Name,
                gpu.ComputeCapability,
                gpu.MemoryBytes,
                gpu.Driver,
                gpu.Cuda,
                gpu.CuDnn,
                gpu.CuBlas,
                gpu.Math == FloatMath.Tf32 ? "tf32" : "fp32",
                gpu.Convolution == ConvolutionMethod.CuDnn ? "cudnn" : "shifted-products"
            )
            {
                Warning = device.Warning,
            };
    }
}
