using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Sequor.Layers;

namespace Sequor.C;

/// <summary>Tells in JSON what a backend runs on.</summary>
internal static class Information
{
    /// <summary>The JSON; docs/c.md lists its keys.</summary>
    public static string Of(BackendInfo info)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var options = new JsonWriterOptions
        {
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };
        using (var writer = new Utf8JsonWriter(buffer, options))
        {
            writer.WriteStartObject();
            writer.WriteString("device", info.Device);
            writer.WriteString("description", info.Description);
            writer.WriteNumber("threads", info.Threads);
            writer.WriteNumber("vector_bits", info.VectorBits);
            writer.WriteString("instructions", info.Instructions);
            writer.WriteString("reason", info.Reason);
            writer.WriteString("warning", info.Warning);
            if (info.Gpu is { } gpu)
                Write(writer, gpu);
            else
                writer.WriteNull("gpu");
            writer.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void Write(Utf8JsonWriter writer, GpuInfo gpu)
    {
        writer.WriteStartObject("gpu");
        writer.WriteString("name", gpu.Name);
        writer.WriteString("compute_capability", gpu.ComputeCapability);
        writer.WriteNumber("memory_bytes", gpu.MemoryBytes);
        writer.WriteString("driver", gpu.Driver);
        writer.WriteString("cuda", gpu.Cuda);
        writer.WriteString("cudnn", gpu.CuDnn);
        writer.WriteString("cublas", gpu.CuBlas);
        writer.WriteString("math", gpu.Math == FloatMath.Tf32 ? "tf32" : "fp32");
        writer.WriteEndObject();
    }
}
