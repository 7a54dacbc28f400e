using System.Runtime.InteropServices;
using System.Text;
using Sequor.Native;

namespace Sequor.VirtualGpu;

// The driver's modules: loading their images, finding kernels and globals, and the attributes of kernels.
internal static unsafe partial class DriverLibrary
{
    [UnmanagedCallersOnly(EntryPoint = "cuModuleLoadData")]
    [Since(2000)]
    private static CUresult cuModuleLoadData(CUmodule* module, void* image) =>
        LoadModule(nameof(cuModuleLoadData), module, image, 0, null, null);

    [UnmanagedCallersOnly(EntryPoint = "cuModuleLoadDataEx")]
    [Since(2010)]
    private static CUresult cuModuleLoadDataEx(
        CUmodule* module,
        void* image,
        uint numOptions,
        CUjit_option* options,
        void** optionValues
    ) =>
        LoadModule(
            nameof(cuModuleLoadDataEx),
            module,
            image,
            (int)numOptions,
            options,
            optionValues
        );

    private static CUresult LoadModule(
        string call,
        CUmodule* to,
        void* image,
        int count,
        CUjit_option* options,
        void** values
    ) =>
        Unsafe(
            call,
            (device, context) =>
            {
                NeedOut(to, call, "module");
                NeedOut(image, call, nameof(image));
                if (device.Options.Kernels is not { } engine)
                {
                    device.Record(
                        FaultKind.NotSupported,
                        call,
                        nameof(image),
                        (nint)image,
                        "the virtual GPU was started without an engine for kernels"
                    );
                    return CUresult.CUDA_ERROR_NOT_SUPPORTED;
                }
                CUresult result = engine.Load(
                    device,
                    MemoryMarshal.CreateReadOnlySpanFromNullTerminated((byte*)image),
                    out IKernelModule? code,
                    out string log
                );
                WriteLog(
                    log,
                    count,
                    options,
                    values,
                    result == Success
                        ? CUjit_option.CU_JIT_INFO_LOG_BUFFER
                        : CUjit_option.CU_JIT_ERROR_LOG_BUFFER
                );
                if (result == Success)
                {
                    var module = new VirtualModule(context, code!);
                    foreach (string name in code!.Globals)
                        code.Place(name, PlaceGlobal(device, module, name)!.Address);
                    *to = new CUmodule(device.Modules.Add(module));
                }
                return result;
            }
        );

    /// <summary>Puts the compiler's messages where the options say, and how long they are.</summary>
    private static void WriteLog(
        string log,
        int count,
        CUjit_option* options,
        void** values,
        CUjit_option buffer
    )
    {
        // The size's option is the one behind its buffer's.
        CUjit_option size = buffer + 1;
        byte* to = null;
        int room = 0;
        for (int i = 0; i < count; i++)
        {
            if (options[i] == buffer)
                to = (byte*)values[i];
            if (options[i] == size)
                room = (int)(nuint)values[i];
        }
        if (to == null || room == 0)
            return;
        byte[] text = Encoding.UTF8.GetBytes(log);
        int written = Math.Min(text.Length, room - 1);
        text.AsSpan(0, written).CopyTo(new Span<byte>(to, room));
        to[written] = 0;
        for (int i = 0; i < count; i++)
            if (options[i] == size)
                values[i] = (void*)(nuint)written;
    }

    [UnmanagedCallersOnly(EntryPoint = "cuModuleUnload")]
    [Since(2000)]
    private static CUresult cuModuleUnload(CUmodule hmod) =>
        InContext(
            nameof(cuModuleUnload),
            (device, _) =>
            {
                const string call = nameof(cuModuleUnload);
                if (device.Modules.Find(hmod.Value, call, nameof(hmod)) is not { } module)
                    return CUresult.CUDA_ERROR_INVALID_HANDLE;
                // What is refused has happened to nothing: the module is still there, to be unloaded later.
                RefuseUnsafe(device, call);
                device.Modules.Remove(hmod.Value, call, nameof(hmod));
                // Its kernels may not run any more when their code is gone.
                device.Work.WaitAll();
                foreach (nint function in module.Functions.Values)
                    device.Functions.Remove(function, call, nameof(hmod));
                foreach (DeviceAllocation global in module.Globals.Values)
                    MemoryWork.Give(device, global);
                return Waited(device);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuModuleGetFunction")]
    [Since(2000)]
    private static CUresult cuModuleGetFunction(CUfunction* hfunc, CUmodule hmod, byte* name) =>
        With<VirtualModule>(
            nameof(cuModuleGetFunction),
            hmod.Value,
            d => d.Modules,
            (device, module) =>
            {
                NeedOut(hfunc, nameof(cuModuleGetFunction), nameof(hfunc));
                NeedOut(name, nameof(cuModuleGetFunction), nameof(name));
                string wanted = Marshal.PtrToStringUTF8((nint)name)!;
                if (!module.Functions.TryGetValue(wanted, out nint handle))
                {
                    if (module.Code.Kernel(wanted) is not { } kernel)
                        return CUresult.CUDA_ERROR_NOT_FOUND;
                    handle = device.Functions.Add(
                        new VirtualFunction(module, kernel, DeviceAttributes.Each(device.Options))
                    );
                    module.Functions.Add(wanted, handle);
                }
                *hfunc = new CUfunction(handle);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuModuleGetGlobal_v2")]
    [Since(3020)]
    private static CUresult cuModuleGetGlobal(
        CUdeviceptr* dptr,
        nuint* bytes,
        CUmodule hmod,
        byte* name
    ) =>
        With<VirtualModule>(
            nameof(cuModuleGetGlobal),
            hmod.Value,
            d => d.Modules,
            (device, module) =>
            {
                const string call = nameof(cuModuleGetGlobal);
                NeedOut(name, call, nameof(name));
                if (dptr == null && bytes == null)
                    return Bad(device, call, nameof(dptr), "neither place nor size is wanted");
                string wanted = Marshal.PtrToStringUTF8((nint)name)!;
                if (PlaceGlobal(device, module, wanted) is not { } global)
                    return module.Code.Kernel(wanted) is null
                        ? CUresult.CUDA_ERROR_NOT_FOUND
                        : Bad(device, call, nameof(name), $"{wanted} is a kernel");
                if (dptr != null)
                    *dptr = new CUdeviceptr((ulong)global.Address);
                if (bytes != null)
                    *bytes = (nuint)global.Bytes;
                return Success;
            }
        );

    /// <summary>A module's global variable, which is allocated when it is first wanted; null if there is none.</summary>
    private static DeviceAllocation? PlaceGlobal(
        VirtualDevice device,
        VirtualModule module,
        string name
    )
    {
        if (module.Globals.TryGetValue(name, out DeviceAllocation? global))
            return global;
        if (module.Code.Global(name) is not { } content)
            return null;
        global = device.Memory.Reserve(content.Length, module.Context, null);
        global.Begin();
        content.CopyTo(new Span<byte>(global.Data, content.Length));
        global.Words.Fill(0, global.Words.Count, true);
        module.Globals.Add(name, global);
        return global;
    }

    [UnmanagedCallersOnly(EntryPoint = "cuFuncGetAttribute")]
    [Since(2020)]
    private static CUresult cuFuncGetAttribute(
        int* pi,
        CUfunction_attribute attrib,
        CUfunction hfunc
    ) =>
        // Of no function at all the driver says that the value is wrong, and not that the handle is.
        hfunc.Value == 0
            ? InContext(
                nameof(cuFuncGetAttribute),
                (device, _) => Bad(device, nameof(cuFuncGetAttribute), nameof(hfunc), "null")
            )
            : AttributeOf(pi, attrib, hfunc);

    private static CUresult AttributeOf(int* pi, CUfunction_attribute attrib, CUfunction hfunc) =>
        With<VirtualFunction>(
            nameof(cuFuncGetAttribute),
            hfunc.Value,
            d => d.Functions,
            (device, function) =>
            {
                NeedOut(pi, nameof(cuFuncGetAttribute), nameof(pi));
                int? value = attrib switch
                {
                    CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK => function
                        .Kernel
                        .MaxThreadsPerBlock,
                    CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES => function
                        .Kernel
                        .StaticSharedMemory,
                    CUfunction_attribute.CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES => 0,
                    CUfunction_attribute.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES => function
                        .Kernel
                        .LocalBytesPerThread,
                    CUfunction_attribute.CU_FUNC_ATTRIBUTE_NUM_REGS => function
                        .Kernel
                        .RegistersPerThread,
                    // The virtual architecture that the PTX is for, and not that of the device.
                    CUfunction_attribute.CU_FUNC_ATTRIBUTE_PTX_VERSION => function.Architecture,
                    CUfunction_attribute.CU_FUNC_ATTRIBUTE_BINARY_VERSION => device
                        .Options
                        .ComputeCapability,
                    CUfunction_attribute.CU_FUNC_ATTRIBUTE_CACHE_MODE_CA => 0,
                    CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES =>
                        function.MaxDynamicSharedMemory,
                    CUfunction_attribute.CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT =>
                        function.Carveout,
                    _ => null,
                };
                if (value is null)
                    return Bad(device, nameof(cuFuncGetAttribute), nameof(attrib), $"{attrib}");
                *pi = value.Value;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuFuncSetAttribute")]
    [Since(9000)]
    private static CUresult cuFuncSetAttribute(
        CUfunction hfunc,
        CUfunction_attribute attrib,
        int value
    ) =>
        With<VirtualFunction>(
            nameof(cuFuncSetAttribute),
            hfunc.Value,
            d => d.Functions,
            (device, function) =>
            {
                const string call = nameof(cuFuncSetAttribute);
                switch (attrib)
                {
                    case CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
                        when value >= 0 && value <= function.DynamicSharedMemoryLimit:
                        function.MaxDynamicSharedMemory = value;
                        return Success;
                    case CUfunction_attribute.CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT
                        when value is >= -1 and <= 100:
                        function.Carveout = value;
                        return Success;
                    default:
                        return Bad(device, call, nameof(value), $"{attrib} to {value}");
                }
            }
        );
}
