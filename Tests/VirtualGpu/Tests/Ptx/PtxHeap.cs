using System.Runtime.InteropServices;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>Global memory of these tests.</summary>
internal sealed unsafe class PtxHeap : IPtxMemory, IDisposable
{
    public const ulong Base = 0x0D00_0000_0000_0000;

    private readonly List<Piece> _pieces = [];
    private ulong _next = Base + 256;

    private sealed record Piece(ulong Address, long Bytes, nint Data, nint Written)
    {
        public bool Freed { get; set; }
    }

    /// <summary>Memory that nothing was written to.</summary>
    public ulong Allocate(long bytes)
    {
        var piece = new Piece(
            _next,
            bytes,
            (nint)NativeMemory.AlignedAlloc((nuint)bytes + 16, 16),
            (nint)NativeMemory.AllocZeroed((nuint)(bytes / 256 + 1) * 8)
        );
        NativeMemory.Fill((void*)piece.Data, (nuint)bytes, 0xFF);
        _pieces.Add(piece);
        _next += ((ulong)bytes + 4096) / 256 * 256 + 256;
        return piece.Address;
    }

    public ulong Put<T>(params ReadOnlySpan<T> values)
        where T : unmanaged
    {
        ulong address = Allocate((long)values.Length * sizeof(T));
        Piece piece = _pieces[^1];
        values.CopyTo(new Span<T>((void*)piece.Data, values.Length));
        NativeMemory.Fill((void*)piece.Written, (nuint)(piece.Bytes / 256 + 1) * 8, 0xFF);
        return address;
    }

    public ulong Zeros<T>(int count)
        where T : unmanaged => Put<T>(new T[count]);

    public T[] Get<T>(ulong address, int count)
        where T : unmanaged =>
        new ReadOnlySpan<T>((void*)_pieces.Single(p => p.Address == address).Data, count).ToArray();

    /// <summary>Whether a word was written.</summary>
    public bool Written(ulong address, int word) =>
        (((ulong*)_pieces.Single(p => p.Address == address).Written)[word >> 6] >> (word & 63) & 1)
        != 0;

    public void Free(ulong address) => _pieces.Single(p => p.Address == address).Freed = true;

    public bool TryFind(
        ulong address,
        int bytes,
        out PtxRegion region,
        out PtxFaultKind kind,
        out string detail
    )
    {
        region = default;
        kind = PtxFaultKind.OutOfBounds;
        detail = $"{bytes} bytes lie in no allocation";
        if (_pieces.FindLast(p => p.Address <= address) is not { } piece)
            return false;
        if (bytes > piece.Bytes || address - piece.Address > (ulong)(piece.Bytes - bytes))
            return false;
        if (piece.Freed)
        {
            kind = PtxFaultKind.UseAfterFree;
            detail = "this memory is freed";
            return false;
        }
        region = new PtxRegion(
            piece.Address,
            piece.Bytes,
            (byte*)piece.Data,
            (ulong*)piece.Written
        );
        return true;
    }

    public void Dispose()
    {
        foreach (Piece piece in _pieces)
        {
            NativeMemory.AlignedFree((void*)piece.Data);
            NativeMemory.Free((void*)piece.Written);
        }
    }
}
