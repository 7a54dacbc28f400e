using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>The virtual cuBLASLt: version, handles, descriptors and what is set of them.</summary>
internal static unsafe class CuBlasLtLibrary
{
    /// <summary>What the library exports.</summary>
    public static IReadOnlyList<NativeExport> Exports { get; } =
        NativeExport.Of(typeof(CuBlasLtLibrary), typeof(LtMatmulExports));

    /// <summary>The object of a handle or descriptor.</summary>
    /// <exception cref="CuBlasRefusal">There is none.</exception>
    public static T Find<T>(
        VirtualDevice device,
        string kind,
        nint handle,
        string call,
        string argument
    )
        where T : class =>
        device.Table<T>(kind).Find(handle, call, argument)
        ?? throw new CuBlasRefusal(
            kind == LtHandle.Kind
                ? cublasStatus_t.CUBLAS_STATUS_NOT_INITIALIZED
                : cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE,
            $"{argument} is no {kind}"
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasLtGetProperty")]
    private static cublasStatus_t GetProperty(libraryPropertyType type, int* value)
    {
        if (value == null || !Enum.IsDefined(type))
            return cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE;
        (int major, int minor, int patch) = LibraryVersions.CuBlas;
        bool isOther = VirtualDevice.Running is { Manners.OtherCuBlasLt: true };
        *value = type switch
        {
            libraryPropertyType.MAJOR_VERSION => major,
            libraryPropertyType.MINOR_VERSION => minor,
            _ => isOther ? patch + 1 : patch,
        };
        return cublasStatus_t.CUBLAS_STATUS_SUCCESS;
    }

    [UnmanagedCallersOnly(EntryPoint = "cublasLtCreate")]
    private static cublasStatus_t Create(cublasLtHandle_t* handle) =>
        CuBlasCall.Run(
            "cublasLtCreate",
            device =>
            {
                CaptureGuard.Refuse(device, "cublasLtCreate");
                CuBlasCall.Unless(handle != null, "lightHandle is null");
                if (device.CurrentContext is not { } context)
                    throw new CuBlasRefusal(
                        cublasStatus_t.CUBLAS_STATUS_NOT_INITIALIZED,
                        "no context is current"
                    );
                if (device.AllocationFails())
                    throw new CuBlasRefusal(
                        cublasStatus_t.CUBLAS_STATUS_ALLOC_FAILED,
                        "out of device memory"
                    );
                *handle = new(device.Table<LtHandle>(LtHandle.Kind).Add(new LtHandle(context)));
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasLtDestroy")]
    private static cublasStatus_t Destroy(cublasLtHandle_t handle) =>
        CuBlasCall.Run(
            "cublasLtDestroy",
            device =>
            {
                CaptureGuard.Refuse(device, "cublasLtDestroy");
                Remove<LtHandle>(
                    device,
                    LtHandle.Kind,
                    handle.Value,
                    "cublasLtDestroy",
                    "lightHandle"
                );
                device.Work.WaitAll();
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasLtMatmulDescCreate")]
    private static cublasStatus_t DescCreate(
        cublasLtMatmulDesc_t* descriptor,
        cublasComputeType_t compute,
        cudaDataType scale
    ) =>
        CuBlasCall.Run(
            "cublasLtMatmulDescCreate",
            device =>
            {
                CuBlasCall.Unless(descriptor != null, "matmulDesc is null");
                CuBlasCall.Unless(
                    Enum.IsDefined(compute) && Enum.IsDefined(scale),
                    "computeType or scaleType has no such value"
                );
                *descriptor = new(
                    device
                        .Table<LtDescriptor>(LtDescriptor.Kind)
                        .Add(new LtDescriptor(compute, scale))
                );
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasLtMatmulDescDestroy")]
    private static cublasStatus_t DescDestroy(cublasLtMatmulDesc_t descriptor) =>
        CuBlasCall.Run(
            "cublasLtMatmulDescDestroy",
            device =>
                Remove<LtDescriptor>(
                    device,
                    LtDescriptor.Kind,
                    descriptor.Value,
                    "cublasLtMatmulDescDestroy",
                    "matmulDesc"
                )
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasLtMatmulDescSetAttribute")]
    private static cublasStatus_t DescSet(
        cublasLtMatmulDesc_t descriptor,
        cublasLtMatmulDescAttributes_t attribute,
        void* value,
        nuint bytes
    ) =>
        CuBlasCall.Run(
            "cublasLtMatmulDescSetAttribute",
            device =>
            {
                LtDescriptor found = Find<LtDescriptor>(
                    device,
                    LtDescriptor.Kind,
                    descriptor.Value,
                    "cublasLtMatmulDescSetAttribute",
                    "matmulDesc"
                );
                switch (attribute)
                {
                    case cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_TRANSA:
                        found.TransA = Known<cublasOperation_t>(value, bytes);
                        break;
                    case cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_TRANSB:
                        found.TransB = Known<cublasOperation_t>(value, bytes);
                        break;
                    case cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_EPILOGUE:
                        found.Epilogue = Known<cublasLtEpilogue_t>(value, bytes);
                        break;
                    case cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_BIAS_POINTER:
                        found.Bias = Value<nint>(value, bytes);
                        break;
                    default:
                        throw new CuBlasRefusal(
                            cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE,
                            $"attr is {(int)attribute}"
                        );
                }
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasLtMatrixLayoutCreate")]
    private static cublasStatus_t LayoutCreate(
        cublasLtMatrixLayout_t* layout,
        cudaDataType type,
        ulong rows,
        ulong columns,
        long leading
    ) =>
        CuBlasCall.Run(
            "cublasLtMatrixLayoutCreate",
            device =>
            {
                CuBlasCall.Unless(layout != null, "matLayout is null");
                CuBlasCall.Unless(Enum.IsDefined(type), "type has no such value");
                CuBlasCall.Unless(
                    rows <= int.MaxValue && columns <= int.MaxValue && leading <= int.MaxValue,
                    "rows, cols or ld has more than 31 bits"
                );
                CuBlasCall.Unless(
                    leading >= (long)Math.Max(1, rows),
                    $"ld is {leading}, the matrix has {rows} rows"
                );
                *layout = new(
                    device
                        .Table<LtLayout>(LtLayout.Kind)
                        .Add(new LtLayout(type, (int)rows, (int)columns, (int)leading))
                );
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasLtMatrixLayoutDestroy")]
    private static cublasStatus_t LayoutDestroy(cublasLtMatrixLayout_t layout) =>
        CuBlasCall.Run(
            "cublasLtMatrixLayoutDestroy",
            device =>
                Remove<LtLayout>(
                    device,
                    LtLayout.Kind,
                    layout.Value,
                    "cublasLtMatrixLayoutDestroy",
                    "matLayout"
                )
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasLtMatmulPreferenceCreate")]
    private static cublasStatus_t PreferenceCreate(cublasLtMatmulPreference_t* preference) =>
        CuBlasCall.Run(
            "cublasLtMatmulPreferenceCreate",
            device =>
            {
                CuBlasCall.Unless(preference != null, "pref is null");
                *preference = new(
                    device.Table<LtPreference>(LtPreference.Kind).Add(new LtPreference())
                );
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasLtMatmulPreferenceDestroy")]
    private static cublasStatus_t PreferenceDestroy(cublasLtMatmulPreference_t preference) =>
        CuBlasCall.Run(
            "cublasLtMatmulPreferenceDestroy",
            device =>
                Remove<LtPreference>(
                    device,
                    LtPreference.Kind,
                    preference.Value,
                    "cublasLtMatmulPreferenceDestroy",
                    "pref"
                )
        );

    [UnmanagedCallersOnly(EntryPoint = "cublasLtMatmulPreferenceSetAttribute")]
    private static cublasStatus_t PreferenceSet(
        cublasLtMatmulPreference_t preference,
        cublasLtMatmulPreferenceAttributes_t attribute,
        void* value,
        nuint bytes
    ) =>
        CuBlasCall.Run(
            "cublasLtMatmulPreferenceSetAttribute",
            device =>
            {
                const cublasLtMatmulPreferenceAttributes_t first =
                    cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES;
                LtPreference found = Find<LtPreference>(
                    device,
                    LtPreference.Kind,
                    preference.Value,
                    "cublasLtMatmulPreferenceSetAttribute",
                    "pref"
                );
                switch (attribute)
                {
                    case cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
                        found.MostWorkspaceBytes = Value<ulong>(value, bytes);
                        break;
                    case cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
                        found.Schemes = Value<uint>(value, bytes);
                        break;
                    case >= first
                    and <= cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
                        uint alignment = Value<uint>(value, bytes);
                        CuBlasCall.Unless(
                            System.Numerics.BitOperations.IsPow2(alignment),
                            $"an alignment is {alignment}"
                        );
                        found.Alignments[attribute - first] = alignment;
                        break;
                    default:
                        throw new CuBlasRefusal(
                            cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE,
                            $"attr is {(int)attribute}"
                        );
                }
            }
        );

    private static void Remove<T>(
        VirtualDevice device,
        string kind,
        nint handle,
        string call,
        string argument
    )
        where T : class
    {
        Find<T>(device, kind, handle, call, argument);
        device.Table<T>(kind).Remove(handle, call, argument);
    }

    private static T Value<T>(void* value, nuint bytes)
        where T : unmanaged
    {
        CuBlasCall.Unless(value != null, "buf is null");
        CuBlasCall.Unless(
            bytes == (nuint)sizeof(T),
            $"sizeInBytes is {bytes}, the attribute has {sizeof(T)}"
        );
        return *(T*)value;
    }

    private static T Known<T>(void* value, nuint bytes)
        where T : unmanaged, Enum
    {
        T known = Value<T>(value, bytes);
        CuBlasCall.Unless(Enum.IsDefined(known), $"there is no {typeof(T).Name} {known}");
        return known;
    }
}
