using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;
using Sequor.Tests.Native;
using Sequor.Tests.Support;
using Sequor.VirtualGpu;

namespace Sequor.Tests.Interop;

/// <summary>What NVML tells of a GPU, what it does not, and that asking allocates nothing.</summary>
[TestFixture]
public sealed class NvmlTests : InteropFixture
{
    [Test]
    public void A_device_tells_clocks_temperature_power_and_what_slows_it()
    {
        Gpu.Sensors.Persistence = nvmlEnableState_t.NVML_FEATURE_ENABLED;
        using (NvmlDevice device = NvmlDevice.Open(Libraries.Device(), out string? reason)!)
        {
            Assert.That(reason, Is.Null);
            Assert.That(device.Unknown, Is.Empty);
            Assert.That(device.MaxSmClock, Is.EqualTo(1777));
            Assert.That(device.MaxMemoryClock, Is.EqualTo(7501));
            Assert.That(device.PowerLimit, Is.EqualTo(170));
            Assert.That(device.PersistenceMode, Is.True);
            NvmlState idle = device.Read();
            Assert.That(idle.Reasons, Is.EqualTo(ClockReasons.Idle));
            Gpu.Sensors.SmClock = 1200;
            Gpu.Sensors.Power = 169_500;
            Gpu.Sensors.Temperature = 84;
            Gpu.Sensors.Utilization = 97;
            Gpu.Sensors.Reasons = 0x24;
            NvmlState busy = device.Read();
            Assert.That(
                busy,
                Is.EqualTo(
                    new NvmlState
                    {
                        Timestamp = busy.Timestamp,
                        SmClock = 1200,
                        MemoryClock = 7501,
                        Temperature = 84,
                        Power = 169.5,
                        Utilization = 97,
                        Reasons = ClockReasons.PowerLimit | ClockReasons.Temperature,
                    }
                )
            );
            Assert.That(busy.Timestamp, Is.GreaterThan(idle.Timestamp));
            Assert.That(Gpu.NvmlStarts, Is.EqualTo(1));
        }
        Assert.That(Gpu.NvmlStarts, Is.EqualTo(0), "NVML is ended again");
    }

    [TestCase("nvmlDeviceGetClockInfo", nvmlReturn_t.NVML_ERROR_NOT_SUPPORTED)]
    [TestCase("nvmlDeviceGetMaxClockInfo", nvmlReturn_t.NVML_ERROR_NOT_SUPPORTED)]
    [TestCase("nvmlDeviceGetTemperature", nvmlReturn_t.NVML_ERROR_NO_PERMISSION)]
    [TestCase("nvmlDeviceGetPowerUsage", nvmlReturn_t.NVML_ERROR_NO_PERMISSION)]
    [TestCase("nvmlDeviceGetEnforcedPowerLimit", nvmlReturn_t.NVML_ERROR_NOT_SUPPORTED)]
    [TestCase("nvmlDeviceGetUtilizationRates", nvmlReturn_t.NVML_ERROR_NOT_SUPPORTED)]
    [TestCase("nvmlDeviceGetCurrentClocksEventReasons", nvmlReturn_t.NVML_ERROR_NO_PERMISSION)]
    [TestCase("nvmlDeviceGetPersistenceMode", nvmlReturn_t.NVML_ERROR_NOT_SUPPORTED)]
    public void What_is_not_told_is_null_and_named_and_not_asked_again(
        string call,
        nvmlReturn_t status
    )
    {
        Gpu.Refuse(call, (int)status);
        using NvmlDevice device = NvmlDevice.Open(Libraries.Device(), out _)!;
        long asked = Calls(call);
        NvmlState state = device.Read();
        Assert.That(Calls(call), Is.EqualTo(asked));
        Assert.That(device.Unknown, Is.Not.Empty);
        Assert.That(device.Unknown, Is.All.EndsWith($": {status}"));
        (string Call, object? Value)[] values =
        [
            ("nvmlDeviceGetClockInfo", state.SmClock),
            ("nvmlDeviceGetClockInfo", state.MemoryClock),
            ("nvmlDeviceGetMaxClockInfo", device.MaxSmClock),
            ("nvmlDeviceGetMaxClockInfo", device.MaxMemoryClock),
            ("nvmlDeviceGetTemperature", state.Temperature),
            ("nvmlDeviceGetPowerUsage", state.Power),
            ("nvmlDeviceGetEnforcedPowerLimit", device.PowerLimit),
            ("nvmlDeviceGetUtilizationRates", state.Utilization),
            ("nvmlDeviceGetCurrentClocksEventReasons", state.Reasons),
            ("nvmlDeviceGetPersistenceMode", device.PersistenceMode),
        ];
        foreach ((string of, object? value) in values)
            Assert.That(value is null, Is.EqualTo(of == call), of);
        Assert.That(device.Unknown, Has.Count.EqualTo(values.Count(v => v.Call == call)));
    }

    [Test]
    public void What_fails_once_is_null_once()
    {
        using NvmlDevice device = NvmlDevice.Open(Libraries.Device(), out _)!;
        Gpu.Refuse("nvmlDeviceGetPowerUsage", (int)nvmlReturn_t.NVML_ERROR_UNKNOWN, times: 1);
        Assert.That(device.Read().Power, Is.Null);
        Assert.That(device.Read().Power, Is.EqualTo(20));
        Assert.That(device.Unknown, Is.Empty);
    }

    [Test]
    public void Without_nvml_there_is_a_reason()
    {
        CudaLibraries libraries = CudaLibraries.From(Gpu.Symbols(LibraryKind.CudaDriver));
        Assert.That(NvmlDevice.Open(libraries.Device(), out string? reason), Is.Null);
        Assert.That(reason, Is.EqualTo("no NVML is not NVML: it has no nvmlInit_v2"));
    }

    [TestCase("nvmlInit", nvmlReturn_t.NVML_ERROR_DRIVER_NOT_LOADED)]
    [TestCase("nvmlDeviceGetHandleByPciBusId", nvmlReturn_t.NVML_ERROR_NO_PERMISSION)]
    public void An_nvml_that_does_not_answer_is_told(string call, nvmlReturn_t status)
    {
        Gpu.Refuse(call, (int)status);
        Assert.That(NvmlDevice.Open(Libraries.Device(), out string? reason), Is.Null);
        Assert.That(reason, Does.StartWith($"{call} gave {status}"));
        Assert.That(Gpu.NvmlStarts, Is.EqualTo(0));
    }

    [Test]
    public void An_older_nvml_tells_what_it_can()
    {
        var symbols = new FakeSymbols("old NVML");
        INativeSymbols whole = Gpu.Symbols(LibraryKind.Nvml);
        foreach (FunctionName function in new Nvml(whole).All)
        {
            if (
                function.Name
                is not (
                    "nvmlDeviceGetCurrentClocksEventReasons"
                    or "nvmlDeviceGetEnforcedPowerLimit"
                )
            )
                symbols[function.Symbol] = whole.Find(function.Symbol);
        }
        CudaLibraries libraries = CudaLibraries.From(
            Gpu.Symbols(LibraryKind.CudaDriver),
            nvml: symbols
        );
        using NvmlDevice device = NvmlDevice.Open(libraries.Device(), out _)!;
        Assert.That(device.Read().Reasons, Is.EqualTo(ClockReasons.Idle));
        Assert.That(
            device.Unknown,
            Is.EqualTo(new[] { "power limit: this NVML has no nvmlDeviceGetEnforcedPowerLimit" })
        );
    }

    [Test]
    public void A_device_that_was_disposed_is_not_asked()
    {
        NvmlDevice device = NvmlDevice.Open(Libraries.Device(), out _)!;
        device.Dispose();
        device.Dispose();
        Assert.That(() => device.Read(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(Gpu.NvmlStarts, Is.EqualTo(0));
    }
}
