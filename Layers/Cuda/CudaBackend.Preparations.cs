using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sequor.Interop;

namespace Sequor.Layers.Cuda;

// What layers make of their parameters alone: one launch for all layers of a plan, whose blocks along y take an entry of a table each.
public sealed partial class CudaBackend
{
    internal override bool PreparesTogether => true;

    private PreparationTable MakeTable<T>(
        ReadOnlySpan<T> entries,
        Tensor parameters,
        Tensor prepared,
        Tensor gradients,
        Tensor slopes
    )
        where T : unmanaged
    {
        ReadOnlySpan<float> words = MemoryMarshal.Cast<T, float>(entries);
        Storage storage = Allocate(words.Length, MemoryCategory.Workspace);
        try
        {
            Upload(words, new Tensor(storage, 0, new Shape(words.Length)));
        }
        catch
        {
            storage.Dispose();
            throw;
        }
        return new PreparationTable(storage, parameters, prepared, gradients, slopes);
    }

    // Where a tensor lies, in floats from another one.
    private static long Place(Tensor tensor, Tensor from) =>
        tensor.IsEmpty || from.IsEmpty ? 0 : (tensor.Address - from.Address) / sizeof(float);

    // Gradients lie as their parameters do, so that one place says where both are.
    private static void RequireAlike(long place, Tensor gradient, Tensor from)
    {
        if (!gradient.IsEmpty && Place(gradient, from) != place)
            throw new InvalidOperationException(
                $"A gradient lies {Place(gradient, from)} floats from the first one, and its parameter {place} from its first."
            );
    }

    // The floats of an entry.
    private static long Words<T>()
        where T : unmanaged => Unsafe.SizeOf<T>() / sizeof(float);

    // A table's entries from a number on.
    private static DeviceSpan<float> Entries<T>(PreparationTable table, int first)
        where T : unmanaged
    {
        DeviceBuffer<float> all = Block(table.Words);
        long from = first * Words<T>();
        return all.Slice(from, all.Length - from);
    }

    private static PreparationTable Required(PreparationTable? table) =>
        table
        ?? throw new InvalidOperationException("What is prepared has no table on the device.");

    private static int Most<T>(ReadOnlySpan<T> entries, Func<T, long> value)
    {
        long most = 0;
        foreach (T entry in entries)
            most = System.Math.Max(most, value(entry));
        return checked((int)most);
    }
}
