using System.Runtime.InteropServices;
using Sequor.Layers;

namespace Sequor.C;

// Backends: on a CPU, on a GPU, on whichever is best, and on a caller's context and stream.
internal static unsafe partial class Exports
{
    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_backend_cpu))]
    public static int sequor_backend_cpu(CpuOptionsStruct* options, ulong* backend)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(backend, nameof(backend));
            *backend = 0;
            *backend = Hold(Backend.Create(Device.Cpu, cpu: BackendOptions.Cpu(options)));
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_backend_cuda))]
    public static int sequor_backend_cuda(int device, CudaOptionsStruct* options, ulong* backend)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(backend, nameof(backend));
            *backend = 0;
            *backend = Hold(
                Backend.Create(Device.Cuda(device), cuda: BackendOptions.Cuda(options))
            );
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_backend_auto))]
    public static int sequor_backend_auto(
        CpuOptionsStruct* cpu,
        CudaOptionsStruct* cuda,
        ulong* backend
    )
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(backend, nameof(backend));
            *backend = 0;
            *backend = Hold(
                Backend.Create(Device.Auto, BackendOptions.Cpu(cpu), BackendOptions.Cuda(cuda))
            );
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_backend_attach))]
    public static int sequor_backend_attach(
        void* context,
        void* stream,
        CudaOptionsStruct* options,
        ulong* backend
    )
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(backend, nameof(backend));
            *backend = 0;
            CudaOptions read = BackendOptions.Cuda(options);
            *backend = Hold(BackendOptions.Attach((nint)context, (nint)stream, read));
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_backend_info))]
    public static int sequor_backend_info(ulong backend, byte* buffer, nuint capacity, nuint* size)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldBackend held = Handles.Get<HeldBackend>(backend, HandleKind.Backend);
            Output.Text(Information.Of(held.Backend.Info), buffer, capacity, size);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_backend_memory))]
    public static int sequor_backend_memory(ulong backend, long* current, long* peak)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            MemoryLedger memory = Handles
                .Get<HeldBackend>(backend, HandleKind.Backend)
                .Backend.Memory;
            if (current is not null)
                *current = memory.CurrentBytes;
            if (peak is not null)
                *peak = memory.PeakBytes;
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_backend_synchronize))]
    public static int sequor_backend_synchronize(ulong backend)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldBackend held = Handles.Get<HeldBackend>(backend, HandleKind.Backend);
            using OwnerScope inside = Entry.Into(held.Backend);
            held.Backend.Synchronize();
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_backend_free))]
    public static int sequor_backend_free(ulong backend)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Handles.Free<HeldBackend>(
                backend,
                HandleKind.Backend,
                held =>
                {
                    using OwnerScope inside = Entry.Into(held.Backend, nameof(sequor_backend_free));
                    held.Close();
                }
            );
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    private static ulong Hold(Backend backend) => Hold(new HeldBackend(backend));

    private static ulong Hold(HeldBackend held)
    {
        try
        {
            return Handles.Add(HandleKind.Backend, held);
        }
        catch
        {
            held.Close();
            throw;
        }
    }
}
