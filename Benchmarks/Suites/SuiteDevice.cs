using Sequor.Layers;

namespace Sequor.Suites;

/// <summary>The device that suites run on: the one that SEQUOR_DEVICE names, as --device does; auto where it is not set.</summary>
internal static class SuiteDevice
{
    public const string Variable = "SEQUOR_DEVICE";

    // What a CPU of a few cores does in some seconds; suites have many benchmarks, and each runs dozens of times.
    private const double MostOfCpu = 1e11;

    private static readonly Lazy<bool> Cpu = new(() =>
    {
        using Backend backend = Create();
        return backend.Info.Device == "cpu";
    });

    /// <summary>Whether it is the CPU.</summary>
    public static bool IsCpu => Cpu.Value;

    /// <summary>A new backend on it.</summary>
    /// <param name="cuda">Options for a GPU; null for the defaults.</param>
    public static Backend Create(CudaOptions? cuda = null)
    {
        Device device = Device.Parse(Environment.GetEnvironmentVariable(Variable) ?? "auto");
        return Backend.Create(device, cuda: device.IsCpu ? null : cuda);
    }

    /// <summary>Whether work of so many operations with floats is measured there: on a CPU not what takes many seconds.</summary>
    public static bool Takes(double flops) => flops <= MostOfCpu || !IsCpu;
}
