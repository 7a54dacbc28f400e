using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

// The functions that it writes into a client's tables, and how.
internal sealed unsafe partial class VirtualProfiler
{
    [UnmanagedCallersOnly(EntryPoint = NvtxInjection.EntryPoint)]
    private static int Initialize(delegate* unmanaged<uint, void*> getExportTable) =>
        Volatile.Read(ref s_current) is { } profiler ? profiler.Enter(getExportTable) : 0;

    private int Enter(delegate* unmanaged<uint, void*> getExportTable)
    {
        var callbacks = (NvtxExportTableCallbacks*)getExportTable(
            (uint)NvtxExportTableID.NVTX_ETID_CALLBACKS
        );
        var version = (NvtxExportTableVersionInfo*)getExportTable(
            (uint)NvtxExportTableID.NVTX_ETID_VERSIONINFO
        );
        if (callbacks == null || callbacks->struct_size < (nuint)sizeof(NvtxExportTableCallbacks))
            Fault("there are no callbacks");
        if (version == null || version->struct_size < (nuint)sizeof(NvtxExportTableVersionInfo))
            Fault("there is no version");
        if (getExportTable(2) != null)
            Fault("there is a table of a number that is reserved");
        if (_faults.Count > 0)
            return 0;
        ClientVersion = version->version;
        ((delegate* unmanaged<uint, void>)((nint*)version)[2])(Nvtx.NVTX_VERSION);
        var tables = (delegate* unmanaged<NvtxCallbackModule, void***, uint*, int>)
            ((nint*)callbacks)[1];
        (NvtxCallbackModule Module, int Places)[] modules =
        [
            (NvtxCallbackModule.NVTX_CB_MODULE_CORE, (int)NvtxCallbackIdCore.NVTX_CBID_CORE_SIZE),
            (NvtxCallbackModule.NVTX_CB_MODULE_CUDA, (int)NvtxCallbackIdCuda.NVTX_CBID_CUDA_SIZE),
            (
                NvtxCallbackModule.NVTX_CB_MODULE_OPENCL,
                (int)NvtxCallbackIdOpenCL.NVTX_CBID_OPENCL_SIZE
            ),
            (
                NvtxCallbackModule.NVTX_CB_MODULE_CUDART,
                (int)NvtxCallbackIdCudaRt.NVTX_CBID_CUDART_SIZE
            ),
            (
                NvtxCallbackModule.NVTX_CB_MODULE_CORE2,
                (int)NvtxCallbackIdCore2.NVTX_CBID_CORE2_SIZE
            ),
            (NvtxCallbackModule.NVTX_CB_MODULE_SYNC, (int)NvtxCallbackIdSync.NVTX_CBID_SYNC_SIZE),
        ];
        foreach ((NvtxCallbackModule module, int places) in modules)
        {
            void** table;
            uint size;
            if (tables(module, &table, &size) == 0 || table == null)
                Fault($"there is no table of {module}");
            else if (size != places)
                Fault($"{module} has {size} places");
            else if (table[0] != null || table[size] != null)
                Fault($"the table of {module} does not end");
            else if (module == NvtxCallbackModule.NVTX_CB_MODULE_CORE2)
                Fill(table);
            else if (module == NvtxCallbackModule.NVTX_CB_MODULE_CUDA)
                Put(
                    table,
                    (int)NvtxCallbackIdCuda.NVTX_CBID_CUDA_NameCuStreamA,
                    "nvtxNameCuStreamA"
                );
        }
        void** none;
        if (tables(NvtxCallbackModule.NVTX_CB_MODULE_INVALID, &none, null) != 0)
            Fault("there is a table of no module");
        return _faults.Count > 0 ? 0 : Answer;
    }

    private void Fill(void** table)
    {
        const string prefix = "NVTX_CBID_CORE2_";
        foreach (NvtxCallbackIdCore2 place in Enum.GetValues<NvtxCallbackIdCore2>())
        {
            if (place != NvtxCallbackIdCore2.NVTX_CBID_CORE2_SIZE)
                Put(table, (int)place, "nvtx" + place.ToString()[prefix.Length..]);
        }
    }

    private void Put(void** table, int place, string function)
    {
        nint own = Library.Find(function);
        if (own != 0 && !Without.Contains(function))
            *(nint*)table[place] = own;
    }

    [UnmanagedCallersOnly(EntryPoint = "nvtxDomainCreateA")]
    private static nvtxDomainHandle_t DomainCreate(byte* name) =>
        With(
            p =>
            {
                p._domains.Add((Marshal.PtrToStringUTF8((nint)name) ?? "", true));
                return new nvtxDomainHandle_t(p._domains.Count);
            },
            default
        );

    [UnmanagedCallersOnly(EntryPoint = "nvtxDomainDestroy")]
    private static void DomainDestroy(nvtxDomainHandle_t domain) =>
        With(
            p =>
            {
                p.RequireDomain(domain.Value, "nvtxDomainDestroy");
                int at = (int)domain.Value - 1;
                p._domains[at] = (p._domains[at].Name, false);
                return 0;
            },
            0
        );

    [UnmanagedCallersOnly(EntryPoint = "nvtxDomainRegisterStringA")]
    private static nvtxStringHandle_t RegisterString(nvtxDomainHandle_t domain, byte* text) =>
        With(
            p =>
            {
                p.RequireDomain(domain.Value, "nvtxDomainRegisterStringA");
                p._strings.Add((domain.Value, Marshal.PtrToStringUTF8((nint)text) ?? ""));
                return new nvtxStringHandle_t(p._strings.Count);
            },
            default
        );

    [UnmanagedCallersOnly(EntryPoint = "nvtxDomainNameCategoryA")]
    private static void NameCategory(nvtxDomainHandle_t domain, uint category, byte* name) =>
        With(
            p =>
            {
                p.RequireDomain(domain.Value, "nvtxDomainNameCategoryA");
                p.Categories[(domain.Value, category)] = Marshal.PtrToStringUTF8((nint)name) ?? "";
                return 0;
            },
            0
        );

    [UnmanagedCallersOnly(EntryPoint = "nvtxNameCuStreamA")]
    private static void NameStream(CUstream stream, byte* name) =>
        With(
            p =>
            {
                p.Streams[stream.Value] = Marshal.PtrToStringUTF8((nint)name) ?? "";
                return 0;
            },
            0
        );

    // What follows is called in a step, and allocates nothing, so that tests can count what a range allocates.
    [UnmanagedCallersOnly(EntryPoint = "nvtxDomainMarkEx")]
    private static void Mark(nvtxDomainHandle_t domain, nvtxEventAttributes_t* attributes)
    {
        if (Volatile.Read(ref s_current) is not { } p)
            return;
        lock (p._gate)
            p.Told(ProfilerCallKind.Mark, domain.Value, attributes, "nvtxDomainMarkEx");
    }

    [UnmanagedCallersOnly(EntryPoint = "nvtxDomainRangePushEx")]
    private static int Push(nvtxDomainHandle_t domain, nvtxEventAttributes_t* attributes)
    {
        if (Volatile.Read(ref s_current) is not { } p)
            return -2;
        lock (p._gate)
        {
            string text = p.Told(
                ProfilerCallKind.Push,
                domain.Value,
                attributes,
                "nvtxDomainRangePushEx"
            );
            p._stack.Value!.Push((domain.Value, text));
            return p._stack.Value.Count - 1;
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "nvtxDomainRangePop")]
    private static int Pop(nvtxDomainHandle_t domain)
    {
        if (Volatile.Read(ref s_current) is not { } p)
            return -2;
        lock (p._gate)
        {
            p.RequireDomain(domain.Value, "nvtxDomainRangePop");
            Stack<(nint Domain, string Text)> stack = p._stack.Value!;
            if (!stack.TryPop(out (nint Domain, string Text) range))
            {
                p.Fault("nvtxDomainRangePop: this thread has begun no range");
                return -1;
            }
            if (range.Domain != domain.Value)
                p.Fault($"nvtxDomainRangePop: {range.Text} is of another domain");
            p._calls.Add(
                ProfilerCall.Of(
                    ProfilerCallKind.Pop,
                    domain.Value,
                    range.Text,
                    default,
                    stack.Count + 1
                )
            );
            return stack.Count;
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "nvtxDomainRangeStartEx")]
    private static nvtxRangeId_t Start(nvtxDomainHandle_t domain, nvtxEventAttributes_t* attributes)
    {
        if (Volatile.Read(ref s_current) is not { } p)
            return default;
        lock (p._gate)
        {
            string text = p.Told(
                ProfilerCallKind.Start,
                domain.Value,
                attributes,
                "nvtxDomainRangeStartEx"
            );
            p._started.Add(++p._ranges, (domain.Value, text));
            return new nvtxRangeId_t(p._ranges);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "nvtxDomainRangeEnd")]
    private static void End(nvtxDomainHandle_t domain, nvtxRangeId_t id)
    {
        if (Volatile.Read(ref s_current) is not { } p)
            return;
        lock (p._gate)
        {
            p.RequireDomain(domain.Value, "nvtxDomainRangeEnd");
            if (!p._started.Remove(id.Value, out (nint Domain, string Text) range))
            {
                p.Fault($"nvtxDomainRangeEnd: {id.Value} is no range that was started");
                return;
            }
            p._calls.Add(
                ProfilerCall.Of(
                    ProfilerCallKind.End,
                    domain.Value,
                    range.Text,
                    default,
                    p._stack.Value!.Count
                )
            );
        }
    }

    private string Told(
        ProfilerCallKind kind,
        nint domain,
        nvtxEventAttributes_t* attributes,
        string call
    )
    {
        RequireDomain(domain, call);
        string text = Text(domain, *attributes, call);
        _calls.Add(ProfilerCall.Of(kind, domain, text, *attributes, _stack.Value!.Count));
        return text;
    }
}
