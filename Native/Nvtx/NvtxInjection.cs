using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sequor.Native;

/// <summary>
/// A profiler's library that listens to NVTX, attached to this process as the header's own code does it: the library that
/// NVTX_INJECTION64_PATH names is loaded, and its InitializeInjectionNvtx2 writes its functions into the client's tables.
/// </summary>
/// <remarks>
/// Whatever goes wrong is no error of the program: without a tool there are no ranges. Tables are never freed, as a tool may keep their
/// addresses. (nvtxInit.h, nvtxImpl.h, nvtxTypes.h)
/// </remarks>
public sealed unsafe class NvtxInjection : INativeSymbols
{
    /// <summary>The variable of the environment that a profiler sets for the programs that it starts.</summary>
    public static readonly string Variable =
        nint.Size == 4 ? "NVTX_INJECTION32_PATH" : "NVTX_INJECTION64_PATH";

    /// <summary>What a tool's library has to export: int (const void* (*getExportTable)(uint32_t id)).</summary>
    public const string EntryPoint = "InitializeInjectionNvtx2";

    private static readonly Lock Attaching = new();
    private static readonly Lazy<(NvtxInjection? Tool, string? Failure)> ForProcess = new(() =>
        Load(new SystemHost())
    );

    private static Tuple<NvtxInjection?, string?>? s_standIn;

    // The tables that a tool is given; those of the tool that was attached last.
    private static Tables s_tables;

    private readonly Tables _tables;

    private NvtxInjection(string name, Tables tables)
    {
        Name = name;
        _tables = tables;
    }

    /// <summary>The tool that listens to this process; null if there is none. It is looked for once.</summary>
    public static NvtxInjection? Shared =>
        Volatile.Read(ref s_standIn) is { } other ? other.Item1 : ForProcess.Value.Tool;

    /// <summary>Why the tool that the environment names does not listen; null if it does, or none is named.</summary>
    public static string? Failure =>
        Volatile.Read(ref s_standIn) is { } other ? other.Item2 : ForProcess.Value.Failure;

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>Makes <see cref="Shared"/> and <see cref="Failure"/> return others, so that tests see whole programs.</summary>
    internal static void StandIn(NvtxInjection? tool, string? failure = null) =>
        Volatile.Write(ref s_standIn, new(tool, failure));

    /// <summary>Makes them return the process's own again.</summary>
    internal static void EndStandIn() => Volatile.Write(ref s_standIn, null);

    /// <summary>Attaches a tool.</summary>
    /// <param name="library">What has <see cref="EntryPoint"/>.</param>
    /// <param name="failure">Why it was not attached, as a sentence without its stop; null if it was.</param>
    public static NvtxInjection? Attach(INativeSymbols library, out string? failure)
    {
        ArgumentNullException.ThrowIfNull(library);
        nint entry = library.Find(EntryPoint);
        if (entry == 0)
        {
            failure = $"{library.Name} has no symbol {EntryPoint}";
            return null;
        }
        lock (Attaching)
        {
            s_tables = Tables.Create();
            int answer = ((delegate* unmanaged<delegate* unmanaged<uint, void*>, int>)entry)(
                &GetExportTable
            );
            failure = answer == 0 ? $"{EntryPoint} of {library.Name} gave 0" : null;
            return answer == 0 ? null : new NvtxInjection(library.Name, s_tables);
        }
    }

    /// <summary>The function that the tool put where the header has this one; 0 if it put none there.</summary>
    /// <param name="symbol">Such as nvtxDomainRangePushEx.</param>
    public nint Find(string symbol)
    {
        ArgumentNullException.ThrowIfNull(symbol);
        string name = symbol.StartsWith("nvtx", StringComparison.Ordinal) ? symbol[4..] : symbol;
        if (Enum.TryParse($"NVTX_CBID_CORE2_{name}", out NvtxCallbackIdCore2 inDomain))
            return _tables.Of(NvtxCallbackModule.NVTX_CB_MODULE_CORE2).Function((int)inDomain);
        if (Enum.TryParse($"NVTX_CBID_CUDA_{name}", out NvtxCallbackIdCuda ofCuda))
            return _tables.Of(NvtxCallbackModule.NVTX_CB_MODULE_CUDA).Function((int)ofCuda);
        if (Enum.TryParse($"NVTX_CBID_CORE_{name}", out NvtxCallbackIdCore plain))
            return _tables.Of(NvtxCallbackModule.NVTX_CB_MODULE_CORE).Function((int)plain);
        return 0;
    }

    /// <summary>Loads and attaches the tool that a machine's environment names.</summary>
    internal static (NvtxInjection? Tool, string? Failure) Load(INativeHost host)
    {
        if (host.Variable(Variable) is not { } path)
            return (null, null);
        LoadOutcome loaded = host.Load(path);
        if (loaded.Library == 0)
            return (null, $"{path}, which {Variable} names, cannot be loaded: {loaded.Reason}");
        NvtxInjection? tool = Attach(
            new LoadedLibrary(host, loaded.Library, path),
            out string? why
        );
        if (tool is null)
            host.Unload(loaded.Library);
        return (tool, why);
    }

    [UnmanagedCallersOnly]
    private static void* GetExportTable(uint id) =>
        id switch
        {
            (uint)NvtxExportTableID.NVTX_ETID_CALLBACKS => s_tables.Callbacks,
            (uint)NvtxExportTableID.NVTX_ETID_VERSIONINFO => s_tables.Version,
            _ => null,
        };

    [UnmanagedCallersOnly]
    private static int GetModuleFunctionTable(
        NvtxCallbackModule module,
        void*** table,
        uint* places
    )
    {
        Table found = s_tables.Of(module);
        if (found.Places == 0)
            return 0;
        if (places != null)
            *places = found.Places;
        if (table != null)
            *table = found.Slots;
        return 1;
    }

    // With it a tool tells its version, of which nothing follows.
    [UnmanagedCallersOnly]
    private static void SetInjectionNvtxVersion(uint version) { }

    /// <summary>A module's table: for each place the address of a word that the tool writes a function's address to.</summary>
    /// <remarks>No record: its ToString would print a pointer, which the compiler of native programs does not take.</remarks>
    private readonly struct Table(uint places, nint address)
    {
        public uint Places { get; } = places;

        public void** Slots => (void**)address;

        // Place 0 is not used. After the last one is a null, so that a tool that goes too far does not write anywhere.
        public static Table Create(int places)
        {
            nint* words = (nint*)
                NativeMemory.AllocZeroed((nuint)((2 * places) + 1), (nuint)sizeof(nint));
            nint* functions = words + places + 1;
            for (int i = 1; i < places; i++)
                words[i] = (nint)(functions + i);
            return new Table((uint)places, (nint)words);
        }

        public nint Function(int place) => *(nint*)Slots[place];
    }

    /// <summary>All tables of a client.</summary>
    private readonly struct Tables
    {
        private readonly Table[]? _modules;

        private Tables(
            Table[] modules,
            NvtxExportTableCallbacks* callbacks,
            NvtxExportTableVersionInfo* version
        )
        {
            _modules = modules;
            Callbacks = callbacks;
            Version = version;
        }

        public void* Callbacks { get; }

        public void* Version { get; }

        public static Tables Create()
        {
            // By the number of the module; 0 is none.
            Table[] modules =
            [
                default,
                Table.Create((int)NvtxCallbackIdCore.NVTX_CBID_CORE_SIZE),
                Table.Create((int)NvtxCallbackIdCuda.NVTX_CBID_CUDA_SIZE),
                Table.Create((int)NvtxCallbackIdOpenCL.NVTX_CBID_OPENCL_SIZE),
                Table.Create((int)NvtxCallbackIdCudaRt.NVTX_CBID_CUDART_SIZE),
                Table.Create((int)NvtxCallbackIdCore2.NVTX_CBID_CORE2_SIZE),
                Table.Create((int)NvtxCallbackIdSync.NVTX_CBID_SYNC_SIZE),
            ];
            var callbacks = Struct<NvtxExportTableCallbacks>();
            callbacks->struct_size = (nuint)sizeof(NvtxExportTableCallbacks);
            ((nint*)callbacks)[1] = (nint)
                (delegate* unmanaged<NvtxCallbackModule, void***, uint*, int>)
                    &GetModuleFunctionTable;
            var version = Struct<NvtxExportTableVersionInfo>();
            version->struct_size = (nuint)sizeof(NvtxExportTableVersionInfo);
            version->version = Nvtx.NVTX_VERSION;
            ((nint*)version)[2] = (nint)(delegate* unmanaged<uint, void>)&SetInjectionNvtxVersion;
            return new Tables(modules, callbacks, version);
        }

        public Table Of(NvtxCallbackModule module) =>
            _modules is not null && (uint)module < (uint)_modules.Length
                ? _modules[(int)module]
                : default;

        private static T* Struct<T>()
            where T : unmanaged => (T*)NativeMemory.AllocZeroed((nuint)Unsafe.SizeOf<T>());
    }
}
