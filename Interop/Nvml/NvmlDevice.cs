using System.Diagnostics;
using System.Text;
using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// A GPU as NVML sees it: clocks, temperature, power, and what slows it. It needs no context, asks nothing of the GPU's queue of work, and
/// may be used from any thread. Of a part of a GPU (MIG) it tells what the whole has.
/// </summary>
/// <remarks>
/// What this GPU or this user may not see is found out when it is opened, told in <see cref="Unknown"/>, and not asked for again.
/// <see cref="Read"/> allocates nothing.
/// </remarks>
public sealed unsafe class NvmlDevice : IDisposable
{
    private readonly Nvml _nvml;
    private readonly nvmlDevice_t _device;
    private readonly List<string> _unknown = [];
    private readonly bool _newerReasons;

    // A bit for each value that is told.
    private readonly uint _told;
    private int _disposed;

    private NvmlDevice(Nvml nvml, nvmlDevice_t device)
    {
        _nvml = nvml;
        _device = device;
        _newerReasons = !nvml.Missing.Contains(nameof(nvml.nvmlDeviceGetCurrentClocksEventReasons));
        foreach (Value value in Enum.GetValues<Value>())
        {
            string? why =
                nvml.Missing.Contains(Function(value)) ? $"this NVML has no {Function(value)}"
                : Ask(value, out _) is var result and not nvmlReturn_t.NVML_SUCCESS ? $"{result}"
                : null;
            if (why is null)
                _told |= 1u << (int)value;
            else
                _unknown.Add($"{Name(value)}: {why}");
        }
        MaxSmClock = (int?)Tell(Value.MaxSmClock);
        MaxMemoryClock = (int?)Tell(Value.MaxMemoryClock);
        PowerLimit = Tell(Value.PowerLimit) / 1000.0;
        PersistenceMode = Tell(Value.PersistenceMode) is { } state
            ? state == (ulong)nvmlEnableState_t.NVML_FEATURE_ENABLED
            : null;
    }

    private enum Value
    {
        SmClock,
        MemoryClock,
        MaxSmClock,
        MaxMemoryClock,
        Temperature,
        Power,
        PowerLimit,
        Utilization,
        Reasons,
        PersistenceMode,
    }

    /// <summary>Opens a device.</summary>
    /// <param name="device">The device.</param>
    /// <param name="reason">Why NVML tells nothing of it, as a sentence without its stop; null if it does.</param>
    /// <returns>The device; null if NVML is not there, or does not know it.</returns>
    public static NvmlDevice? Open(CudaDevice device, out string? reason)
    {
        ArgumentNullException.ThrowIfNull(device);
        return Open(device.Libraries.Native, device.PciBusId, out reason);
    }

    /// <summary>Opens the device of a PCI address, see <see cref="Open(CudaDevice, out string?)"/>.</summary>
    /// <param name="libraries">The libraries, with NVML among them or not.</param>
    /// <param name="pciBusId">domain:bus:device.function in hexadecimal.</param>
    /// <param name="reason">Why NVML tells nothing of it; null if it does.</param>
    public static NvmlDevice? Open(NativeLibraries libraries, string pciBusId, out string? reason)
    {
        ArgumentNullException.ThrowIfNull(libraries);
        ArgumentNullException.ThrowIfNull(pciBusId);
        if (libraries.Nvml.Table is not { } nvml)
        {
            reason = libraries.Nvml.Failure!.Reason;
            return null;
        }
        string? lacks = nvml.Missing.FirstOrDefault(symbol =>
            symbol is "nvmlShutdown" or "nvmlDeviceGetHandleByPciBusId_v2"
        );
        if (lacks is not null)
        {
            reason = $"{nvml.Source} has no {lacks}";
            return null;
        }
        nvmlReturn_t result = nvml.nvmlInit();
        if (result != nvmlReturn_t.NVML_SUCCESS)
        {
            reason = $"nvmlInit gave {result}";
            return null;
        }
        nvmlDevice_t handle;
        fixed (byte* bus = Encoding.ASCII.GetBytes(pciBusId + '\0'))
            result = nvml.nvmlDeviceGetHandleByPciBusId(bus, &handle);
        if (result != nvmlReturn_t.NVML_SUCCESS)
        {
            nvml.nvmlShutdown();
            reason = $"nvmlDeviceGetHandleByPciBusId gave {result} for {pciBusId}";
            return null;
        }
        reason = null;
        return new NvmlDevice(nvml, handle);
    }

    /// <summary>What NVML does not tell of this GPU or this user, each with the reason.</summary>
    public IReadOnlyList<string> Unknown => _unknown;

    /// <summary>The fastest that the multiprocessors' clock goes, MHz; null where it is not told.</summary>
    public int? MaxSmClock { get; }

    /// <summary>The fastest that the memory's clock goes, MHz; null where it is not told.</summary>
    public int? MaxMemoryClock { get; }

    /// <summary>Power that the board may take, watts; null where it is not told.</summary>
    public double? PowerLimit { get; }

    /// <summary>Whether the driver stays loaded with no one using it (Linux); null where it is not told.</summary>
    public bool? PersistenceMode { get; }

    /// <summary>What it is like now. What a call does not tell this time is null.</summary>
    /// <exception cref="ObjectDisposedException">It was disposed.</exception>
    public NvmlState Read()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        return new NvmlState
        {
            Timestamp = Stopwatch.GetTimestamp(),
            SmClock = (int?)Tell(Value.SmClock),
            MemoryClock = (int?)Tell(Value.MemoryClock),
            Temperature = (int?)Tell(Value.Temperature),
            Power = Tell(Value.Power) / 1000.0,
            Utilization = (int?)Tell(Value.Utilization),
            Reasons = (ClockReasons?)Tell(Value.Reasons),
        };
    }

    /// <summary>Ends NVML for this device; a second call does nothing. No other thread may be in <see cref="Read"/>.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            _nvml.nvmlShutdown();
    }

    private ulong? Tell(Value value) =>
        (_told & (1u << (int)value)) != 0
        && Ask(value, out ulong number) == nvmlReturn_t.NVML_SUCCESS
            ? number
            : null;

    private nvmlReturn_t Ask(Value value, out ulong number)
    {
        uint small = 0;
        ulong large = 0;
        nvmlUtilization_t busy = default;
        nvmlEnableState_t state = default;
        nvmlReturn_t result = value switch
        {
            Value.SmClock => _nvml.nvmlDeviceGetClockInfo(
                _device,
                nvmlClockType_t.NVML_CLOCK_SM,
                &small
            ),
            Value.MemoryClock => _nvml.nvmlDeviceGetClockInfo(
                _device,
                nvmlClockType_t.NVML_CLOCK_MEM,
                &small
            ),
            Value.MaxSmClock => _nvml.nvmlDeviceGetMaxClockInfo(
                _device,
                nvmlClockType_t.NVML_CLOCK_SM,
                &small
            ),
            Value.MaxMemoryClock => _nvml.nvmlDeviceGetMaxClockInfo(
                _device,
                nvmlClockType_t.NVML_CLOCK_MEM,
                &small
            ),
            Value.Temperature => _nvml.nvmlDeviceGetTemperature(
                _device,
                nvmlTemperatureSensors_t.NVML_TEMPERATURE_GPU,
                &small
            ),
            Value.Power => _nvml.nvmlDeviceGetPowerUsage(_device, &small),
            Value.PowerLimit => _nvml.nvmlDeviceGetEnforcedPowerLimit(_device, &small),
            Value.Utilization => _nvml.nvmlDeviceGetUtilizationRates(_device, &busy),
            Value.Reasons when _newerReasons => _nvml.nvmlDeviceGetCurrentClocksEventReasons(
                _device,
                &large
            ),
            Value.Reasons => _nvml.nvmlDeviceGetCurrentClocksThrottleReasons(_device, &large),
            _ => _nvml.nvmlDeviceGetPersistenceMode(_device, &state),
        };
        number = value switch
        {
            Value.Utilization => busy.gpu,
            Value.Reasons => large,
            Value.PersistenceMode => (ulong)state,
            _ => small,
        };
        return result;
    }

    private string Function(Value value) =>
        value switch
        {
            Value.SmClock or Value.MemoryClock => nameof(_nvml.nvmlDeviceGetClockInfo),
            Value.MaxSmClock or Value.MaxMemoryClock => nameof(_nvml.nvmlDeviceGetMaxClockInfo),
            Value.Temperature => nameof(_nvml.nvmlDeviceGetTemperature),
            Value.Power => nameof(_nvml.nvmlDeviceGetPowerUsage),
            Value.PowerLimit => nameof(_nvml.nvmlDeviceGetEnforcedPowerLimit),
            Value.Utilization => nameof(_nvml.nvmlDeviceGetUtilizationRates),
            Value.Reasons when _newerReasons => nameof(
                _nvml.nvmlDeviceGetCurrentClocksEventReasons
            ),
            Value.Reasons => nameof(_nvml.nvmlDeviceGetCurrentClocksThrottleReasons),
            _ => nameof(_nvml.nvmlDeviceGetPersistenceMode),
        };

    private static string Name(Value value) =>
        value switch
        {
            Value.SmClock => "clock of the multiprocessors",
            Value.MemoryClock => "clock of the memory",
            Value.MaxSmClock => "fastest clock of the multiprocessors",
            Value.MaxMemoryClock => "fastest clock of the memory",
            Value.Temperature => "temperature",
            Value.Power => "power",
            Value.PowerLimit => "power limit",
            Value.Utilization => "utilization",
            Value.Reasons => "what slows the clocks",
            _ => "persistence mode",
        };
}
