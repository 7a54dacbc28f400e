namespace Sequor.Tests.Native;

/// <summary>Machines that tests begin with.</summary>
internal static class Machines
{
    public const string System = "/usr/lib/x86_64-linux-gnu";

    private static readonly string[] Parts =
    [
        "graph",
        "ops",
        "cnn",
        "adv",
        "heuristic",
        "engines_precompiled",
        "engines_runtime_compiled",
    ];

    /// <summary>Linux with a driver that its loader knows.</summary>
    public static FakeMachine WithDriver(FakeLibrary? driver = null) =>
        new FakeMachine().Knows(
            "libcuda.so.1",
            $"{System}/libcuda.so.535.1",
            driver ?? FakeVendor.Driver()
        );

    /// <summary>Linux with all that Sequor needs, known to the loader.</summary>
    public static FakeMachine Whole() =>
        WithDriver()
            .Knows("libcudnn.so.9", $"{System}/libcudnn.so.9.6.0", FakeVendor.CuDnn())
            .WithCuDnnParts(System)
            .Knows("libcublas.so.12", $"{System}/libcublas.so.12.4.5", FakeVendor.CuBlas())
            .Knows("libcublasLt.so.12", $"{System}/libcublasLt.so.12.4.5", FakeVendor.CuBlasLt())
            .Knows("libnvrtc.so.12", $"{System}/libnvrtc.so.12.6.77", FakeVendor.Nvrtc())
            .Knows("libnvidia-ml.so.1", $"{System}/libnvidia-ml.so.535.1", FakeVendor.Nvml());

    /// <summary>Adds cuDNN's parts to a folder, and cuDNN itself if asked to.</summary>
    public static FakeMachine WithCuDnnParts(this FakeMachine machine, string folder)
    {
        foreach (string part in Parts)
            machine.With($"{folder}/libcudnn_{part}.so.9", FakeVendor.Other());
        return machine;
    }

    /// <summary>Adds all of cuDNN to a folder that the loader does not know.</summary>
    public static FakeMachine WithCuDnn(this FakeMachine machine, string folder) =>
        machine.With($"{folder}/libcudnn.so.9", FakeVendor.CuDnn()).WithCuDnnParts(folder);
}
