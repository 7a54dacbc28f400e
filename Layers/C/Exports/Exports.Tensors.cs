using System.Runtime.InteropServices;
using Sequor.Layers;

namespace Sequor.C;

// Tensors: memory of a backend's own, of a plan or a model, or of the caller.
internal static unsafe partial class Exports
{
    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_tensor_create))]
    public static int sequor_tensor_create(ulong backend, int rank, int* sizes, ulong* tensor)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(tensor, nameof(tensor));
            *tensor = 0;
            Backend on = Handles.Get<HeldBackend>(backend, HandleKind.Backend).Backend;
            Shape shape = Input.Shape(rank, sizes);
            using OwnerScope inside = Entry.Into(on);
            on.RequireLive();
            Storage storage = on.Allocate(Math.Max(shape.Count, 1), MemoryCategory.InputOutput);
            try
            {
                Tensor made = storage.View(shape);
                if (shape.Count > 0)
                    on.Fill(made, 0f);
                *tensor = Handles.Add(HandleKind.Tensor, new HeldTensor(made, storage));
            }
            catch
            {
                storage.Dispose();
                throw;
            }
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_tensor_wrap))]
    public static int sequor_tensor_wrap(
        ulong backend,
        void* address,
        int rank,
        int* sizes,
        ulong* tensor
    )
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(tensor, nameof(tensor));
            *tensor = 0;
            Backend on = Handles.Get<HeldBackend>(backend, HandleKind.Backend).Backend;
            *tensor = Hold(on.Wrap((nint)address, Input.Shape(rank, sizes)));
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_tensor_shape))]
    public static int sequor_tensor_shape(ulong tensor, int* rank, int* sizes)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldTensor held = Handles.Get<HeldTensor>(tensor, HandleKind.Tensor);
            Output.Shape(held.Tensor.Shape, rank, sizes);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_tensor_address))]
    public static int sequor_tensor_address(ulong tensor, void** address)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(address, nameof(address));
            *address = null;
            HeldTensor held = Handles.Get<HeldTensor>(tensor, HandleKind.Tensor);
            *address = (void*)held.Tensor.Address;
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_tensor_read))]
    public static int sequor_tensor_read(ulong tensor, float* values, long count)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldTensor held = Handles.Get<HeldTensor>(tensor, HandleKind.Tensor);
            Span<float> places = Input.Places(values, count, nameof(values));
            using OwnerScope inside = Entry.Into(held.Tensor.Backend);
            held.Tensor.Read(places);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_tensor_write))]
    public static int sequor_tensor_write(ulong tensor, float* values, long count)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldTensor held = Handles.Get<HeldTensor>(tensor, HandleKind.Tensor);
            ReadOnlySpan<float> given = Input.Values(values, count, nameof(values));
            using OwnerScope inside = Entry.Into(held.Tensor.Backend);
            held.Tensor.Write(given);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_tensor_copy))]
    public static int sequor_tensor_copy(ulong source, ulong destination)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldTensor from = Handles.Get<HeldTensor>(source, HandleKind.Tensor);
            HeldTensor to = Handles.Get<HeldTensor>(destination, HandleKind.Tensor);
            using OwnerScope inside = Entry.Into(from.Tensor.Backend);
            from.Tensor.CopyTo(to.Tensor);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_tensor_free))]
    public static int sequor_tensor_free(ulong tensor)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Handles.Free<HeldTensor>(
                tensor,
                HandleKind.Tensor,
                held =>
                {
                    using OwnerScope inside = Entry.Into(
                        held.Tensor.Backend,
                        nameof(sequor_tensor_free)
                    );
                    held.Dispose();
                }
            );
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    private static ulong Hold(Tensor tensor) =>
        Handles.Add(HandleKind.Tensor, new HeldTensor(tensor));
}
