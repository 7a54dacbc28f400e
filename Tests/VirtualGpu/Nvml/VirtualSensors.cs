using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>What the virtual NVML tells of the device: at first that of a card that does nothing. To be changed while it runs.</summary>
internal sealed class VirtualSensors
{
    /// <summary>MHz, those of <see cref="DeviceAttributes"/>.</summary>
    public uint SmClock { get; set; } = 1777;

    public uint MaxSmClock { get; set; } = 1777;

    /// <summary>MHz.</summary>
    public uint MemoryClock { get; set; } = 7501;

    public uint MaxMemoryClock { get; set; } = 7501;

    /// <summary>Degrees Celsius.</summary>
    public uint Temperature { get; set; } = 40;

    /// <summary>Milliwatts.</summary>
    public uint Power { get; set; } = 20_000;

    public uint PowerLimit { get; set; } = 170_000;

    /// <summary>Percent.</summary>
    public uint Utilization { get; set; }

    /// <summary>Bits of nvmlClocks...Reason...</summary>
    public ulong Reasons { get; set; } = Native.Nvml.nvmlClocksEventReasonGpuIdle;

    public nvmlEnableState_t Persistence { get; set; } = nvmlEnableState_t.NVML_FEATURE_DISABLED;
}
