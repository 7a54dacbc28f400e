namespace Sequor.Native;

/// <summary>Why a library cannot be used.</summary>
public enum FailureKind
{
    /// <summary>The library was not found, or what was found could not be loaded.</summary>
    NotFound,

    /// <summary>What was loaded is another library: it lacks the symbols that tell its version.</summary>
    NotTheLibrary,

    /// <summary>There is a driver but no CUDA device.</summary>
    NoDevice,

    /// <summary>There is a driver but it does not start.</summary>
    DriverFailed,

    /// <summary>The driver supports no CUDA version from 12.0 on.</summary>
    DriverTooOld,

    /// <summary>The library has a version that Sequor does not know, such as cuDNN 8.</summary>
    UnsupportedVersion,

    /// <summary>cuDNN's own libraries are not all in one folder.</summary>
    SublibrariesMixed,

    /// <summary>The library has another CUDA major version than cuDNN or the driver.</summary>
    CudaMajorMismatch,

    /// <summary>The library was not searched for, since what decides its version is missing.</summary>
    NotLookedFor,
}
