using System.Globalization;
using Sequor.Native;

namespace Sequor.Layers;

/// <summary>What other code says of a tensor's values and device, by the names that its users know.</summary>
internal static class ForeignType
{
    /// <summary>Refuses values that are not float32.</summary>
    /// <exception cref="ArgumentException">They are not; the message says how to convert them.</exception>
    public static void RequireFloat32(DLDataType type)
    {
        var code = (DLDataTypeCode)type.code;
        if (type.lanes != 1)
            throw new ArgumentException(
                $"The tensor's values are vectors of {type.lanes} lanes of {NameOf(code, type.bits)}; here they have one lane of float32. Take them apart at its producer, as one more dimension."
            );
        if (code != DLDataTypeCode.kDLFloat || type.bits != 32)
            throw NotFloat32(
                NameOf(code, type.bits),
                code is DLDataTypeCode.kDLInt or DLDataTypeCode.kDLUInt
            );
    }

    /// <summary>Makes the error for values that are not float32.</summary>
    /// <param name="name">What they are.</param>
    /// <param name="whole">Whether they are whole numbers, such as classes.</param>
    public static ArgumentException NotFloat32(string name, bool whole) =>
        new(
            $"The tensor's values are {name}; here they are float32. Convert them at its producer: x.float() in PyTorch, x.astype(\"float32\") in numpy, CuPy and JAX."
                + (
                    whole
                        ? " Class numbers too are float32 here: whole numbers, exact below 2^24."
                        : ""
                )
        );

    /// <summary>Refuses memory that a backend cannot use.</summary>
    /// <exception cref="ArgumentException">It cannot; the message says where the memory is, and where it should be.</exception>
    public static void RequireReach(Backend backend, DLDevice device)
    {
        if (backend.Reaches(device))
            return;
        DLDevice wanted = backend.MemoryDevice;
        string move =
            wanted.device_type == DLDeviceType.kDLCPU
                ? "x.cpu() in PyTorch, x.get() in CuPy"
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"x.to(\"cuda:{wanted.device_id}\") in PyTorch, cupy.asarray(x)"
                );
        string instead =
            device.device_type == DLDeviceType.kDLCUDA
                ? string.Create(
                    CultureInfo.InvariantCulture,
                    $", or use a backend of Device.Cuda({device.device_id})"
                )
            : IsHost(device.device_type) ? ", or use a backend of Device.Cpu"
            : "";
        throw new ArgumentException(
            $"The tensor is in {NameOf(device)}, the backend is {backend.Info.Device}. Copy it there at its producer: {move}{instead}."
        );
    }

    /// <summary>A type's name: float64, int32; by number where it has none.</summary>
    private static string NameOf(DLDataTypeCode code, int bits) =>
        code switch
        {
            DLDataTypeCode.kDLInt => $"int{bits}",
            DLDataTypeCode.kDLUInt => $"uint{bits}",
            DLDataTypeCode.kDLFloat => $"float{bits}",
            DLDataTypeCode.kDLBfloat => $"bfloat{bits}",
            DLDataTypeCode.kDLComplex => $"complex{bits}",
            DLDataTypeCode.kDLBool => "bool",
            _ when Enum.IsDefined(code) => code.ToString()["kDL".Length..].ToLowerInvariant(),
            _ => string.Create(
                CultureInfo.InvariantCulture,
                $"of DLPack's type code {(int)code}, {bits} bits"
            ),
        };

    private static string NameOf(DLDevice device) =>
        device.device_type switch
        {
            DLDeviceType.kDLCPU => "host memory",
            DLDeviceType.kDLCUDA => string.Create(
                CultureInfo.InvariantCulture,
                $"memory of cuda:{device.device_id}"
            ),
            DLDeviceType.kDLCUDAHost => "host memory that CUDA pinned",
            DLDeviceType.kDLROCMHost => "host memory that ROCm pinned",
            var type when Enum.IsDefined(type) => string.Create(
                CultureInfo.InvariantCulture,
                $"memory of {type.ToString()["kDL".Length..]} {device.device_id}"
            ),
            var type => string.Create(
                CultureInfo.InvariantCulture,
                $"memory of DLPack's device type {(int)type}"
            ),
        };

    private static bool IsHost(DLDeviceType type) =>
        type is DLDeviceType.kDLCPU or DLDeviceType.kDLCUDAHost or DLDeviceType.kDLROCMHost;
}
