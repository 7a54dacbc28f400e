using System.Runtime.InteropServices;
using Sequor.Layers;
using Sequor.Native;

namespace Sequor.C;

// DLPack: tensors of other libraries in place, and tensors for other libraries.
internal static unsafe partial class Exports
{
    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_backend_dlpack_stream))]
    public static int sequor_backend_dlpack_stream(ulong backend, int* device_type, long* stream)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(stream, nameof(stream));
            Backend on = Handles.Get<HeldBackend>(backend, HandleKind.Backend).Backend;
            if (device_type is not null)
                *device_type = (int)DlPack.DeviceOf(on).Type;
            *stream = DlPack.StreamOf(on) ?? 0;
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_tensor_device))]
    public static int sequor_tensor_device(ulong tensor, int* type, int* id)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldTensor held = Handles.Get<HeldTensor>(tensor, HandleKind.Tensor);
            (DLDeviceType kind, int number) = DlPack.DeviceOf(held.Tensor);
            if (type is not null)
                *type = (int)kind;
            if (id is not null)
                *id = number;
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_tensor_from_dlpack))]
    public static int sequor_tensor_from_dlpack(
        ulong backend,
        void* managed,
        int versioned,
        int write,
        long* stream,
        ulong* tensor
    )
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(managed, nameof(managed));
            // From here on the struct is taken over, also where another argument is refused.
            DlPackForm form = versioned == 0 ? DlPackForm.Plain : DlPackForm.Versioned;
            try
            {
                Input.RequirePlace(tensor, nameof(tensor));
                *tensor = 0;
                Input.Flag(versioned, nameof(versioned));
                Input.Flag(write, nameof(write));
                Handles.Get<HeldBackend>(backend, HandleKind.Backend);
            }
            catch
            {
                if (versioned is 0 or 1)
                    DlPack.Delete((nint)managed, form);
                throw;
            }
            Backend on = Handles.Get<HeldBackend>(backend, HandleKind.Backend).Backend;
            DlPackTensor taken = DlPack.Import(
                on,
                (nint)managed,
                form,
                write == 1 ? DlPackAccess.Write : DlPackAccess.Read,
                stream is null ? null : *stream
            );
            *tensor = Hold(HandleKind.Tensor, new HeldTensor(taken.Tensor, taken));
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_tensor_to_dlpack))]
    public static int sequor_tensor_to_dlpack(
        ulong tensor,
        int versioned,
        long* stream,
        void** managed
    )
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(managed, nameof(managed));
            *managed = null;
            HeldTensor held = Handles.Get<HeldTensor>(tensor, HandleKind.Tensor);
            DlPackForm form = Input.Flag(versioned, nameof(versioned))
                ? DlPackForm.Versioned
                : DlPackForm.Plain;
            using OwnerScope inside = Entry.Into(held.Tensor.Backend);
            *managed = (void*)
                DlPack.Export(held.Tensor, form, stream: stream is null ? null : *stream);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_dlpack_delete))]
    public static int sequor_dlpack_delete(void* managed, int versioned)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(managed, nameof(managed));
            DlPack.Delete(
                (nint)managed,
                Input.Flag(versioned, nameof(versioned)) ? DlPackForm.Versioned : DlPackForm.Plain
            );
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }
}
