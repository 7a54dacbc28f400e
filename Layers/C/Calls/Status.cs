namespace Sequor.C;

/// <summary>What every function of the C ABI returns: sequor_status of sequor.h, with the same numbers. None is ever given another meaning.</summary>
internal enum Status
{
    /// <summary>Done.</summary>
    Ok = 0,

    /// <summary>An argument is null, out of range, or does not fit the others.</summary>
    Argument = 1,

    /// <summary>A handle was freed, is none of this library's, or is of another kind.</summary>
    Handle = 2,

    /// <summary>A description in JSON is malformed, or says something that there is not.</summary>
    Description = 3,

    /// <summary>The call does not fit what was done before: a backward pass without a forward pass, for example.</summary>
    State = 4,

    /// <summary>Another thread is in a call on the same backend or model; nothing was changed.</summary>
    Thread = 5,

    /// <summary>What the object rests on, its plan, model or backend, was freed already.</summary>
    Closed = 6,

    /// <summary>The device or one of its libraries is not there or cannot be used.</summary>
    Device = 7,

    /// <summary>There is not enough memory.</summary>
    Memory = 8,

    /// <summary>A file cannot be read or written, is damaged, or does not fit.</summary>
    File = 9,

    /// <summary>A layer or a backend cannot do it.</summary>
    Unsupported = 10,

    /// <summary>A buffer is too small; the size that it needs was written.</summary>
    Buffer = 11,

    /// <summary>A struct is of a newer version of the header, and uses what this library does not know.</summary>
    Version = 12,

    /// <summary>The process was forked after the library had begun; threads and GPU did not come along.</summary>
    Forked = 13,

    /// <summary>CUDA, cuDNN or cuBLAS refused a call.</summary>
    Cuda = 14,

    /// <summary>Values that must be finite are not.</summary>
    Diverged = 15,

    /// <summary>A fault of the library itself.</summary>
    Internal = 16,
}
