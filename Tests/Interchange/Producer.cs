using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sequor.Layers;
using Sequor.Native;

namespace Sequor.Tests.Interchange;

/// <summary>
/// Other code that lends tensors by DLPack: it fills the structs by hand, as it is told, rightly or wrongly, and counts how often they come
/// back.
/// </summary>
public sealed unsafe class Producer : IDisposable
{
    public static readonly DLDataType Floats = TypeOf(DLDataTypeCode.kDLFloat, 32);

    private readonly GCHandle _self;
    private readonly List<nint> _blocks = [];

    public Producer() => _self = GCHandle.Alloc(this);

    public nint Data { get; set; }

    public ulong ByteOffset { get; set; }

    /// <summary>Null for an address of sizes that is null.</summary>
    public long[]? Sizes { get; set; } = [2, 3, 4];

    public long[]? Strides { get; set; }

    /// <summary>What is said beside the sizes; null for as many as there are.</summary>
    public int? Dimensions { get; set; }

    public DLDataType Type { get; set; } = Floats;

    public DLDevice Device { get; set; } = new() { device_type = DLDeviceType.kDLCPU };

    public ulong Flags { get; set; }

    public DLPackVersion Version { get; set; } = new() { major = 1, minor = 1 };

    public bool HasDeleter { get; set; } = true;

    /// <summary>How often deleters were called.</summary>
    public int Deleted { get; private set; }

    /// <summary>Which thread called the last one.</summary>
    public int Thread { get; private set; }

    /// <summary>Done within each call of a deleter.</summary>
    public Action? Deleting { get; set; }

    public static DLDataType TypeOf(DLDataTypeCode code, int bits, int lanes = 1) =>
        new()
        {
            code = (byte)code,
            bits = (byte)bits,
            lanes = (ushort)lanes,
        };

    /// <summary>Makes a struct. Of one of another major version everything but version and deleter is junk.</summary>
    public nint Make(DlPackForm form)
    {
        void* context = (void*)GCHandle.ToIntPtr(_self);
        if (form == DlPackForm.Plain)
        {
            var plain = (DLManagedTensor*)Take(sizeof(DLManagedTensor));
            plain->dl_tensor = Describe();
            plain->manager_ctx = context;
            plain->deleter = HasDeleter ? &DeletePlain : null;
            return (nint)plain;
        }
        var versioned = (DLManagedTensorVersioned*)Take(sizeof(DLManagedTensorVersioned));
        if (Version.major == DlPackConstants.DLPACK_MAJOR_VERSION)
        {
            versioned->dl_tensor = Describe();
            versioned->flags = Flags;
        }
        else
            new Span<byte>(versioned, sizeof(DLManagedTensorVersioned)).Fill(0xDB);
        versioned->version = Version;
        versioned->manager_ctx = context;
        versioned->deleter = HasDeleter ? &DeleteVersioned : null;
        return (nint)versioned;
    }

    /// <summary>Lends it.</summary>
    public DlPackTensor Lend(
        Backend backend,
        DlPackForm form = DlPackForm.Versioned,
        DlPackAccess access = DlPackAccess.Read,
        long? stream = null
    ) => DlPack.Import(backend, Make(form), form, access, stream);

    // Only now, so that a second call of a deleter is counted and is no access to freed memory.
    public void Dispose()
    {
        foreach (nint block in _blocks)
            NativeMemory.Free((void*)block);
        _blocks.Clear();
        _self.Free();
    }

    private DLTensor Describe() =>
        new()
        {
            data = (void*)Data,
            device = Device,
            ndim = Dimensions ?? Sizes?.Length ?? 0,
            dtype = Type,
            shape = Copy(Sizes),
            strides = Copy(Strides),
            byte_offset = ByteOffset,
        };

    private long* Copy(long[]? values)
    {
        if (values is null)
            return null;
        var copy = (long*)Take(Math.Max(1, values.Length) * sizeof(long));
        values.CopyTo(new Span<long>(copy, values.Length));
        return copy;
    }

    private void* Take(int bytes)
    {
        void* block = NativeMemory.AllocZeroed((nuint)bytes);
        _blocks.Add((nint)block);
        return block;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void DeletePlain(DLManagedTensor* self) => Delete(self->manager_ctx);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void DeleteVersioned(DLManagedTensorVersioned* self) =>
        Delete(self->manager_ctx);

    private static void Delete(void* context)
    {
        var producer = (Producer)GCHandle.FromIntPtr((nint)context).Target!;
        producer.Deleted++;
        producer.Thread = Environment.CurrentManagedThreadId;
        producer.Deleting?.Invoke();
    }
}
