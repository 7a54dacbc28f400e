using NUnit.Framework;
using Sequor.Native;
using static Sequor.Native.CUresult;

namespace Sequor.VirtualGpu.Tests;

/// <summary>What processes share, and what the virtual driver refuses of it; memory of other APIs is in Tests/Interop.</summary>
[NonParallelizable]
public sealed unsafe class SharingTests
{
    private const uint Flags = (uint)CUipcMem_flags.CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS;

    [Test]
    public void What_has_no_handle_is_refused()
    {
        using var rig = new Rig();
        CUipcMemHandle handle;
        CUdeviceptr memory = rig.Filled(1, 2);
        Rig.Ok(rig.Driver.cuIpcGetMemHandle(&handle, memory));
        Rig.Gives(
            rig.Driver.cuIpcGetMemHandle(&handle, new CUdeviceptr(memory.Value + 4)),
            CUDA_ERROR_INVALID_VALUE
        );
        rig.Found(FaultKind.BadArgument);
        CUstream stream = rig.Stream();
        CUdeviceptr pooled;
        Rig.Ok(rig.Driver.cuMemAllocAsync(&pooled, 8, stream));
        Rig.Gives(rig.Driver.cuIpcGetMemHandle(&handle, pooled), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        CUipcEventHandle mark;
        Rig.Gives(rig.Driver.cuIpcGetEventHandle(&mark, rig.Event()), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        Rig.Gives(rig.Driver.cuIpcCloseMemHandle(memory), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
    }

    [Test]
    public void Memory_is_opened_by_one_context_of_a_process_and_closed_by_it()
    {
        using var rig = new Rig(new() { DeviceCount = 2, CanAccessPeer = (_, _) => false });
        CUipcMemHandle handle;
        CUdeviceptr memory = rig.Filled(1, 2);
        Rig.Ok(rig.Driver.cuIpcGetMemHandle(&handle, memory));
        CUdeviceptr opened;
        Rig.Gives(
            rig.Driver.cuIpcOpenMemHandle(&opened, handle, Flags),
            CUDA_ERROR_INVALID_CONTEXT
        );
        Enter(rig.Device.CreateContext(ordinal: 1, process: 2));
        Rig.Gives(rig.Driver.cuIpcOpenMemHandle(&opened, handle, Flags), CUDA_ERROR_MAP_FAILED);
        VirtualContext theirs = rig.Device.CreateContext(process: 1);
        Enter(theirs);
        Rig.Gives(rig.Driver.cuIpcOpenMemHandle(&opened, handle, 0), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        Rig.Ok(rig.Driver.cuIpcOpenMemHandle(&opened, handle, Flags));
        Assert.That(rig.Read(opened, 2), Is.EqualTo(new float[] { 1, 2 }));
        Rig.Gives(rig.Driver.cuMemFree(opened), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        Enter(rig.Device.CreateContext(process: 1));
        CUdeviceptr again;
        Rig.Gives(rig.Driver.cuIpcOpenMemHandle(&again, handle, Flags), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        Rig.Gives(rig.Driver.cuIpcCloseMemHandle(opened), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        Enter(theirs);
        Rig.Ok(rig.Driver.cuIpcCloseMemHandle(opened));
        Rig.Gives(rig.Driver.cuMemsetD8(opened, 0, 8), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.UseAfterFree);
        Assert.That(rig.Device.Leaks(), Has.None.Contains($"0x{opened.Value:x}"));

        void Enter(VirtualContext context) =>
            Rig.Ok(rig.Driver.cuCtxSetCurrent(new CUcontext(context.Handle)));
    }

    [Test]
    public void Contexts_of_two_processes_are_no_peers()
    {
        using var rig = new Rig(new() { DeviceCount = 2 });
        var theirs = new CUcontext(rig.Device.CreateContext(ordinal: 1, process: 1).Handle);
        Rig.Gives(rig.Driver.cuCtxEnablePeerAccess(theirs, 0), CUDA_ERROR_INVALID_CONTEXT);
        rig.Found(FaultKind.BadArgument);
        CUdeviceptr mine = rig.Filled(1);
        Rig.Gives(
            rig.Driver.cuMemcpyPeerAsync(mine, theirs, mine, rig.Context, 4, rig.Stream()),
            CUDA_ERROR_INVALID_CONTEXT
        );
        rig.Found(FaultKind.BadArgument);
    }

    [Test]
    public void A_wait_that_nothing_ends_is_found_out()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Ignore(
                "Semaphores are taken in by descriptors of files, which Windows does not have."
            );
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, new byte[64]);
            using var rig = new Rig();
            rig.Device.Work.Patience = 50;
            CUDA_EXTERNAL_SEMAPHORE_HANDLE_DESC said = default;
            said.type =
                CUexternalSemaphoreHandleType.CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_TIMELINE_SEMAPHORE_FD;
            using (var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite))
            {
                said.fd = (int)file.DangerousGetHandle();
                file.SetHandleAsInvalid();
            }
            said.flags = 1;
            CUexternalSemaphore semaphore;
            Rig.Gives(
                rig.Driver.cuImportExternalSemaphore(&semaphore, &said),
                CUDA_ERROR_INVALID_VALUE
            );
            rig.Found(FaultKind.BadArgument);
            said.flags = 0;
            Rig.Ok(rig.Driver.cuImportExternalSemaphore(&semaphore, &said));
            CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS wait = default;
            wait.value = 3;
            wait.flags = 1;
            CUstream stream = rig.Stream();
            Rig.Gives(
                rig.Driver.cuWaitExternalSemaphoresAsync(&semaphore, &wait, 1, stream),
                CUDA_ERROR_INVALID_VALUE
            );
            rig.Found(FaultKind.BadArgument);
            wait.flags = 0;
            Rig.Ok(rig.Driver.cuWaitExternalSemaphoresAsync(&semaphore, &wait, 1, stream));
            Rig.Gives(rig.Driver.cuStreamQuery(stream), CUDA_ERROR_NOT_READY);
            Rig.Gives(rig.Driver.cuStreamSynchronize(stream), CUDA_ERROR_LAUNCH_TIMEOUT);
            Assert.That(rig.Fault().Detail, Does.Contain("nothing outside the device"));
        }
        finally
        {
            File.Delete(path);
        }
    }
}
