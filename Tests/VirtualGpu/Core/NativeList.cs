using System.Runtime.InteropServices;

namespace Sequor.VirtualGpu;

/// <summary>A list that native callers may read until it is set again.</summary>
internal sealed unsafe class NativeList<T> : IDisposable
    where T : unmanaged
{
    private T* _items;

    public T* Set(IEnumerable<T> items)
    {
        T[] all = [.. items];
        NativeMemory.Free(_items);
        _items = (T*)NativeMemory.Alloc((nuint)Math.Max(1, all.Length), (nuint)sizeof(T));
        all.CopyTo(new Span<T>(_items, all.Length));
        return _items;
    }

    public void Dispose()
    {
        NativeMemory.Free(_items);
        _items = null;
    }
}
