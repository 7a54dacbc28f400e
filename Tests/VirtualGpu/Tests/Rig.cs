using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu;

namespace Sequor.VirtualGpu.Tests;

/// <summary>A virtual device whose primary context is current, called as a program calls a driver.</summary>
internal sealed unsafe class Rig : IDisposable
{
    public Rig(VirtualOptions? options = null)
    {
        Device = VirtualDevice.Start(options);
        Driver = new CudaDriver(Device.Symbols(LibraryKind.CudaDriver));
        Ok(Driver.cuInit(0));
        CUcontext context;
        Ok(Driver.cuDevicePrimaryCtxRetain(&context, new CUdevice(0)));
        Ok(Driver.cuCtxSetCurrent(context));
        Context = context;
    }

    public VirtualDevice Device { get; }

    public CudaDriver Driver { get; }

    public CUcontext Context { get; }

    public static void Ok(CUresult result) => Gives(result, CUresult.CUDA_SUCCESS);

    public static void Gives(CUresult result, CUresult expected) =>
        Assert.That(result, Is.EqualTo(expected));

    public CUdeviceptr Alloc(long bytes)
    {
        CUdeviceptr address;
        Ok(Driver.cuMemAlloc(&address, (nuint)bytes));
        return address;
    }

    /// <summary>Device memory that holds these values, written and waited for.</summary>
    public CUdeviceptr Filled(params float[] values)
    {
        CUdeviceptr address = Alloc(values.Length * sizeof(float));
        fixed (float* from = values)
            Ok(Driver.cuMemcpyHtoD(address, from, (nuint)(values.Length * sizeof(float))));
        Ok(Driver.cuCtxSynchronize());
        return address;
    }

    public float[] Read(CUdeviceptr address, int count)
    {
        float[] values = new float[count];
        fixed (float* to = values)
            Ok(Driver.cuMemcpyDtoH(to, address, (nuint)(count * sizeof(float))));
        return values;
    }

    public CUstream Stream(CUstream_flags flags = CUstream_flags.CU_STREAM_NON_BLOCKING)
    {
        CUstream stream;
        Ok(Driver.cuStreamCreate(&stream, (uint)flags));
        return stream;
    }

    public CUevent Event(CUevent_flags flags = CUevent_flags.CU_EVENT_DEFAULT)
    {
        CUevent mark;
        Ok(Driver.cuEventCreate(&mark, (uint)flags));
        return mark;
    }

    public float* Pinned(int count)
    {
        void* address;
        Ok(Driver.cuMemHostAlloc(&address, (nuint)(count * sizeof(float)), 0));
        return (float*)address;
    }

    /// <summary>Puts work of a library's kind into a stream.</summary>
    public void Enqueue(CUstream stream, string name, Action work)
    {
        lock (Device.Gate)
            VirtualStream.Resolve(stream.Value, name)!.Enqueue(name, work);
    }

    /// <summary>The one fault that was found, which is forgotten then.</summary>
    public VirtualFault Fault()
    {
        IReadOnlyList<VirtualFault> faults = Device.TakeFaults();
        Assert.That(faults, Has.Count.EqualTo(1), string.Join("\n", faults));
        return faults[0];
    }

    /// <summary>The one fault that was found is of this kind.</summary>
    public void Found(FaultKind kind) => Assert.That(Fault().Kind, Is.EqualTo(kind));

    /// <summary>Lets go of the context; nothing may be wrong or left.</summary>
    public void Finish()
    {
        Ok(Driver.cuDevicePrimaryCtxRelease(new CUdevice(0)));
        Device.AssertClean();
    }

    public void Dispose() => Device.Dispose();
}
