using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace Sequor.VirtualGpu;

/// <summary>
/// Memory of another API, taken in by a file descriptor: a file, such as one of memfd_create, that both sides map, so that each sees
/// what the other writes.
/// </summary>
internal sealed unsafe class ExternalMemory : IContextObject, IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;

    /// <summary>Maps a file, whose descriptor it has from then on.</summary>
    /// <exception cref="IOException">The descriptor is of no file that can be mapped so far; it stays the caller's.</exception>
    public ExternalMemory(VirtualContext context, int descriptor, long bytes)
    {
        Context = context;
        Bytes = bytes;
        _file = new SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            long length = RandomAccess.GetLength(_file);
            if (length < bytes)
                throw new IOException("The file is shorter than the memory is said to be.");
            _map = MemoryMappedFile.CreateFromFile(
                _file,
                null,
                length,
                MemoryMappedFileAccess.ReadWrite,
                HandleInheritability.None,
                leaveOpen: true
            );
            _view = _map.CreateViewAccessor(0, bytes);
        }
        catch (Exception)
        {
            _map?.Dispose();
            _file.SetHandleAsInvalid();
            throw;
        }
        byte* data = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref data);
        Data = data + _view.PointerOffset;
    }

    public VirtualContext Context { get; }

    public long Bytes { get; }

    /// <summary>Where the host has it.</summary>
    public byte* Data { get; }

    public bool IsDestroyed { get; private set; }

    /// <summary>How many buffers of it are mapped.</summary>
    public int Mapped { get; set; }

    /// <summary>Lets the file go. The pages stay while buffers are mapped.</summary>
    public void Destroy()
    {
        IsDestroyed = true;
        if (Mapped == 0)
            Dispose();
    }

    public void Dispose()
    {
        if (_file.IsClosed)
            return;
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _map.Dispose();
        _file.Dispose();
    }
}

/// <summary>A part of such memory that has an address on the device.</summary>
internal sealed unsafe class ExternalBytes : ForeignBytes
{
    private readonly ExternalMemory _memory;
    private readonly long _offset;

    public ExternalBytes(ExternalMemory memory, long offset, long bytes)
    {
        _memory = memory;
        _offset = offset;
        memory.Mapped++;
        // Whoever has it may have written it.
        Words = new InitialisedWords(bytes);
        Words.Fill(0, Words.Count, true);
    }

    public override bool IsAlive => !_memory.IsDestroyed;

    public override string Gone => "this is a buffer of external memory that is destroyed";

    public override byte* Data => _memory.Data + _offset;

    public override InitialisedWords Words { get; }

    public override void Release()
    {
        Words.Dispose();
        _memory.Mapped--;
        if (_memory is { IsDestroyed: true, Mapped: 0 })
            _memory.Dispose();
    }
}
