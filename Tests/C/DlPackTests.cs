using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NUnit.Framework;
using Sequor.C;
using Sequor.Native;

namespace Sequor.Tests.C;

/// <summary>Tensors of other code by the C ABI: taken in place, given in place, and each deleter called once whatever happens.</summary>
[TestFixture]
internal sealed unsafe class DlPackTests : AbiFixture
{
    private static int s_deleted;

    [SetUp]
    public void Count() => s_deleted = 0;

    [TestCase(0)]
    [TestCase(1)]
    public void A_tensor_goes_to_other_code_and_back_in_place(int versioned)
    {
        ulong backend = Cpu();
        int* sizes = stackalloc int[2] { 2, 3 };
        ulong tensor;
        ulong taken;
        Right(Abi.sequor_tensor_create(backend, 2, sizes, &tensor));
        void* managed;
        void* ours;
        void* theirs;
        int type;
        int id;
        Right(Abi.sequor_tensor_device(tensor, &type, &id));
        Assert.That((type, id), Is.EqualTo((1, 0)));
        Right(Abi.sequor_tensor_to_dlpack(tensor, versioned, null, &managed));
        Right(Abi.sequor_tensor_from_dlpack(backend, managed, versioned, 1, null, &taken));
        Right(Abi.sequor_tensor_address(tensor, &ours));
        Right(Abi.sequor_tensor_address(taken, &theirs));
        Assert.That((nint)theirs, Is.EqualTo((nint)ours));
        // The memory stays for whoever has it.
        Right(Abi.sequor_tensor_free(tensor));
        float* values = stackalloc float[6] { 1, 2, 3, 4, 5, 6 };
        Right(Abi.sequor_tensor_write(taken, values, 6));
        Assert.That(Read(taken), Is.EqualTo(new float[] { 1, 2, 3, 4, 5, 6 }));
        Right(Abi.sequor_tensor_free(taken));
        long current;
        Right(Abi.sequor_backend_memory(backend, &current, null));
        Assert.That(current, Is.Zero);
        Right(Abi.sequor_backend_free(backend));
    }

    [Test]
    public void A_struct_that_nobody_took_is_deleted()
    {
        ulong backend = Cpu();
        int size = 3;
        ulong tensor;
        void* managed;
        Right(Abi.sequor_tensor_create(backend, 1, &size, &tensor));
        Right(Abi.sequor_tensor_to_dlpack(tensor, 1, null, &managed));
        Right(Abi.sequor_dlpack_delete(managed, 1));
        Right(Abi.sequor_tensor_free(tensor));
        Refused(Abi.sequor_dlpack_delete(null, 1), Status.Argument, "'managed' is null");
        Right(Abi.sequor_backend_free(backend));
    }

    [Test]
    public void What_is_refused_is_deleted_once()
    {
        ulong backend = Cpu();
        ulong taken;
        float* values = stackalloc float[4];
        Refused(
            Abi.sequor_tensor_from_dlpack(backend, Make(values, bits: 64), 0, 0, null, &taken),
            Status.Argument,
            "float"
        );
        Assert.That((s_deleted, taken), Is.EqualTo((1, 0UL)));
        Refused(
            Abi.sequor_tensor_from_dlpack(backend ^ 1, Make(values), 0, 0, null, &taken),
            Status.Handle
        );
        Assert.That(s_deleted, Is.EqualTo(2));
        Refused(
            Abi.sequor_tensor_from_dlpack(backend, Make(values), 0, 2, null, &taken),
            Status.Argument,
            "'write' is 2"
        );
        Assert.That(s_deleted, Is.EqualTo(3));
        Refused(
            Abi.sequor_tensor_from_dlpack(backend, Make(values), 0, 0, null, null),
            Status.Argument,
            "'tensor' is null"
        );
        Assert.That(s_deleted, Is.EqualTo(4));
        Right(Abi.sequor_tensor_from_dlpack(backend, Make(values), 0, 1, null, &taken));
        Assert.That(s_deleted, Is.EqualTo(4));
        Right(Abi.sequor_tensor_free(taken));
        Assert.That(s_deleted, Is.EqualTo(5));
        Right(Abi.sequor_backend_free(backend));
    }

    [Test]
    public void A_wrapped_pointer_is_not_given_on()
    {
        ulong backend = Cpu();
        float* values = stackalloc float[4];
        int size = 4;
        ulong tensor;
        void* managed = values;
        Right(Abi.sequor_tensor_wrap(backend, values, 1, &size, &tensor));
        Refused(Abi.sequor_tensor_to_dlpack(tensor, 0, null, &managed), Status.Argument, "pointer");
        Assert.That(managed is null);
        Right(Abi.sequor_tensor_free(tensor));
        Right(Abi.sequor_backend_free(backend));
    }

    // A producer's struct over four values.
    private static DLManagedTensor* Make(float* values, byte bits = 32)
    {
        var managed = (DLManagedTensor*)
            NativeMemory.AllocZeroed((nuint)sizeof(DLManagedTensor) + 8);
        long* shape = (long*)(managed + 1);
        *shape = 4;
        managed->dl_tensor.data = values;
        managed->dl_tensor.device.device_type = DLDeviceType.kDLCPU;
        managed->dl_tensor.ndim = 1;
        managed->dl_tensor.dtype = new DLDataType
        {
            code = (byte)DLDataTypeCode.kDLFloat,
            bits = bits,
            lanes = 1,
        };
        managed->dl_tensor.shape = shape;
        managed->deleter = &Delete;
        return managed;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Delete(DLManagedTensor* managed)
    {
        s_deleted++;
        NativeMemory.Free(managed);
    }
}
