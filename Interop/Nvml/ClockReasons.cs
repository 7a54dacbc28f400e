using System.Diagnostics.CodeAnalysis;
using Sequor.Native;

namespace Sequor.Interop;

/// <summary>Why a GPU's clocks are below their peak (nvml.h, nvmlClocks...Reason...); bits that are not named here may be set too.</summary>
[Flags]
[SuppressMessage("Design", "CA1028:Enum Storage should be Int32", Justification = "NVML's bits.")]
public enum ClockReasons : ulong
{
    /// <summary>They are not.</summary>
    None = 0,

    /// <summary>Nothing to do.</summary>
    Idle = Nvml.nvmlClocksEventReasonGpuIdle,

    /// <summary>Someone set them.</summary>
    ApplicationsClocks = Nvml.nvmlClocksEventReasonApplicationsClocksSetting,

    /// <summary>The power limit.</summary>
    PowerLimit = Nvml.nvmlClocksEventReasonSwPowerCap,

    /// <summary>The hardware halves clocks or worse: too hot, or a power fault.</summary>
    HardwareSlowdown = Nvml.nvmlClocksThrottleReasonHwSlowdown,

    /// <summary>Clocks are tied to those of another GPU.</summary>
    SyncBoost = Nvml.nvmlClocksEventReasonSyncBoost,

    /// <summary>Too warm.</summary>
    Temperature = Nvml.nvmlClocksEventReasonSwThermalSlowdown,

    /// <summary>Too hot.</summary>
    HardwareTemperature = Nvml.nvmlClocksThrottleReasonHwThermalSlowdown,

    /// <summary>The power supply asks for less.</summary>
    PowerBrake = Nvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown,

    /// <summary>A display's clock.</summary>
    DisplayClock = Nvml.nvmlClocksEventReasonDisplayClockSetting,

    /// <summary>Those by which a GPU that works runs slower than it would, without anyone having asked for it.</summary>
    Throttled = PowerLimit | HardwareSlowdown | Temperature | HardwareTemperature | PowerBrake,
}
