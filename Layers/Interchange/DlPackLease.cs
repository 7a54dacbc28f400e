using Sequor.Native;

namespace Sequor.Layers;

/// <summary>A producer's struct of DLPack, whose deleter is called once.</summary>
/// <param name="managed">Its address.</param>
/// <param name="form">Which struct it is.</param>
/// <param name="stream">
/// The producer's stream, which waits for the work here before the memory goes back; null or -1 where none was said.
/// </param>
internal sealed unsafe class DlPackLease(nint managed, DlPackForm form, long? stream)
{
    private nint _managed = managed;

    /// <summary>The producer's stream; null where none was said.</summary>
    public long? Stream { get; } = stream == StreamNumber.None ? null : stream;

    /// <summary>Reads the struct, without what a later major version may have moved.</summary>
    /// <param name="flags">Its flags; 0 for the form that has none.</param>
    /// <exception cref="ArgumentException">It is of another major version.</exception>
    public DLTensor* Read(out ulong flags)
    {
        flags = 0;
        if (form == DlPackForm.Plain)
            return &((DLManagedTensor*)_managed)->dl_tensor;
        var versioned = (DLManagedTensorVersioned*)_managed;
        DLPackVersion version = versioned->version;
        if (version.major != DlPackConstants.DLPACK_MAJOR_VERSION)
            throw new ArgumentException(
                $"The tensor is of DLPack {version.major}.{version.minor}, whose layout is another one; 1.0 and above, below 2.0, can be read. Ask its producer for that: x.__dlpack__(max_version=(1, 1))."
            );
        flags = versioned->flags;
        return &versioned->dl_tensor;
    }

    /// <summary>Calls the deleter; a second call does nothing.</summary>
    public void End()
    {
        nint managed = Interlocked.Exchange(ref _managed, 0);
        if (managed != 0)
            Delete(managed, form);
    }

    /// <summary>Calls a struct's deleter, where it has one.</summary>
    public static void Delete(nint managed, DlPackForm form)
    {
        if (form == DlPackForm.Plain)
        {
            var plain = (DLManagedTensor*)managed;
            if (plain->deleter != null)
                plain->deleter(plain);
        }
        else
        {
            // As of every version, the deleter lies here.
            var versioned = (DLManagedTensorVersioned*)managed;
            if (versioned->deleter != null)
                versioned->deleter(versioned);
        }
    }
}
