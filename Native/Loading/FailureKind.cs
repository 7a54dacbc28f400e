namespace Sequor.Native;

/// <summary>Why a library cannot be used.</summary>
public enum FailureKind
{
    /// <summary>It was not found, or what was found could not be loaded.</summary>
    NotFound,

    /// <summary>What was loaded is some other library: it lacks the symbols that tell versions.</summary>
    NotTheLibrary,

    /// <summary>The driver is there, but no CUDA device.</summary>
    NoDevice,

    /// <summary>The driver is there, but does not start.</summary>
    DriverFailed,

    /// <summary>The driver supports no CUDA from 12.0 on.</summary>
    DriverTooOld,

    /// <summary>It is a version that Sequor does not know, such as cuDNN 8.</summary>
    UnsupportedVersion,

    /// <summary>cuDNN's own libraries are not all in one folder.</summary>
    SublibrariesMixed,

    /// <summary>It is of another CUDA major version than cuDNN or the driver.</summary>
    CudaMajorMismatch,

    /// <summary>It was not looked for, since what decides its version is not there.</summary>
    NotLookedFor,
}
