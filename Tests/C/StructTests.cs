using NUnit.Framework;
using Sequor.C;

namespace Sequor.Tests.C;

/// <summary>Structs of older and newer headers, texts for buffers, and other arguments that do not fit.</summary>
[TestFixture]
internal sealed unsafe class StructTests : AbiFixture
{
    [TestCase(0u)]
    [TestCase(3u)]
    [TestCase(5000u)]
    [TestCase(uint.MaxValue)]
    public void A_size_that_is_none_is_refused(uint size)
    {
        CpuOptionsStruct options = default;
        options.StructSize = size;
        ulong backend = 9;
        Refused(
            Abi.sequor_backend_cpu(&options, &backend),
            Status.Version,
            $"struct_size {size}",
            "sizeof(sequor_cpu_options), which is 16"
        );
        Assert.That(backend, Is.Zero);
    }

    [Test]
    public void An_older_struct_has_defaults_for_what_it_lacks()
    {
        // Behind what it says to have lies what would be refused.
        var options = new CpuOptionsStruct
        {
            StructSize = 8,
            Threads = 1,
            VectorBits = 77,
            NoNvtx = 5,
        };
        ulong backend;
        Right(Abi.sequor_backend_cpu(&options, &backend));
        Right(Abi.sequor_backend_free(backend));
    }

    [Test]
    public void A_newer_struct_is_taken_while_it_uses_nothing_new()
    {
        ulong* room = stackalloc ulong[4];
        new Span<ulong>(room, 4).Clear();
        *(CpuOptionsStruct*)room = new CpuOptionsStruct { StructSize = 32, Threads = 1 };
        ulong backend;
        Right(Abi.sequor_backend_cpu((CpuOptionsStruct*)room, &backend));
        Right(Abi.sequor_backend_free(backend));
        ((byte*)room)[20] = 1;
        Refused(
            Abi.sequor_backend_cpu((CpuOptionsStruct*)room, &backend),
            Status.Version,
            "byte 20 is not 0",
            "older than the header"
        );
    }

    [Test]
    public void Options_out_of_range_are_told()
    {
        ulong made;
        var cpu = new CpuOptionsStruct { StructSize = 16, Threads = -1 };
        Refused(Abi.sequor_backend_cpu(&cpu, &made), Status.Argument);
        cpu = new CpuOptionsStruct { StructSize = 16, VectorBits = 100 };
        Refused(Abi.sequor_backend_cpu(&cpu, &made), Status.Argument);
        cpu = new CpuOptionsStruct { StructSize = 16, NoNvtx = 2 };
        Refused(
            Abi.sequor_backend_cpu(&cpu, &made),
            Status.Argument,
            "'no_nvtx' is 2; it must be 0 or 1"
        );
        var cuda = new CudaOptionsStruct { StructSize = (uint)sizeof(CudaOptionsStruct), Math = 2 };
        Refused(Abi.sequor_backend_cuda(0, &cuda, &made), Status.Argument, "0 (fp32), 1 (tf32)");
        cuda = new CudaOptionsStruct { StructSize = (uint)sizeof(CudaOptionsStruct), Reserved = 5 };
        Refused(
            Abi.sequor_backend_cuda(0, &cuda, &made),
            Status.Version,
            "'reserved' is 5; it must be 0"
        );
        Refused(Abi.sequor_backend_cuda(-1, null, &made), Status.Argument);
        ulong backend = Cpu();
        ulong model = Model(Small);
        foreach (
            (PlanOptionsStruct wrong, string says) in (ReadOnlySpan<(PlanOptionsStruct, string)>)
                [
                    (Options(3, 2, 3), "0 (training), 1 (evaluation), 2 (streaming)"),
                    (Options(0, 2), "maxLength"),
                    (Options(3, -1), "maxBatch"),
                    (Options(3, 2) with { VariableLengths = 2 }, "'variable_lengths' is 2"),
                    (Options(3, 2) with { InputGradient = -1 }, "'input_gradient' is -1"),
                ]
        )
        {
            PlanOptionsStruct options = wrong;
            Refused(Abi.sequor_plan_create(model, backend, &options, &made), Status.Argument, says);
        }
        foreach (
            (PlanOptionsStruct wrong, string says) in (ReadOnlySpan<(PlanOptionsStruct, string)>)
                [
                    (Options(3, 2) with { Carry = 2 }, "'carry' is 2"),
                    (Options(3, 2) with { GradientInOutput = 3 }, "'gradient_in_output' is 3"),
                    (Options(3, 2) with { Carry = 1, States = 1 }, "carries its states by itself"),
                    (Options(3, 2) with { Carry = 1, VariableLengths = 1 }, "has no lengths"),
                ]
        )
        {
            PlanOptionsStruct options = wrong;
            Refused(Abi.sequor_plan_create(model, backend, &options, &made), Status.Argument, says);
        }
        // The struct of ABI 1.1 ended where carry is followed by more.
        PlanOptionsStruct older = Options(3, 2) with
        {
            StructSize = 40,
            GradientInOutput = 9,
            Reserved = 9,
        };
        Right(Abi.sequor_plan_create(model, backend, &older, &made));
        Right(Abi.sequor_plan_free(made));
        PlanOptionsStruct newer = Options(3, 2) with { Reserved = -1 };
        Refused(
            Abi.sequor_plan_create(model, backend, &newer, &made),
            Status.Version,
            "'reserved' is -1; it must be 0"
        );
        PlanOptionsStruct large = Options(int.MaxValue, int.MaxValue);
        Refused(Abi.sequor_plan_create(model, backend, &large, &made), Status.Memory);
        Right(Abi.sequor_model_free(model));
        Right(Abi.sequor_backend_free(backend));
    }

    [Test]
    public void A_buffer_that_is_too_small_gets_the_size_and_nothing_else()
    {
        ulong model = Model(Small);
        byte* buffer = stackalloc byte[32];
        int* sizes = stackalloc int[3];
        nuint size;
        Right(Abi.sequor_model_value(model, 0, null, 0, &size, null, sizes, null));
        Assert.That((int)size, Is.EqualTo("0.weight_ih_l0".Length + 1));
        buffer[0] = 77;
        Refused(
            Abi.sequor_model_value(model, 0, buffer, size - 1, &size, null, sizes, null),
            Status.Buffer,
            "'buffer' has 14 bytes, and the text takes 15"
        );
        Assert.That((buffer[0], (int)size), Is.EqualTo((77, 15)));
        Refused(
            Abi.sequor_model_value(model, 0, null, 4, &size, null, sizes, null),
            Status.Argument
        );
        Refused(
            Abi.sequor_model_value(model, 0, null, 0, null, null, sizes, null),
            Status.Argument
        );
        Refused(
            Abi.sequor_model_value(model, 7, buffer, 32, null, null, sizes, null),
            Status.Argument,
            "'index' is 7"
        );
        Refused(
            Abi.sequor_model_value(model, -1, buffer, 32, null, null, sizes, null),
            Status.Argument,
            "'index' is -1"
        );
        Right(Abi.sequor_model_free(model));
    }

    [Test]
    public void Sizes_of_tensors_are_checked()
    {
        ulong backend = Cpu();
        ulong made;
        int* sizes = stackalloc int[3] { 2, -1, 3 };
        Refused(
            Abi.sequor_tensor_create(backend, 0, sizes, &made),
            Status.Argument,
            "1 to 3 dimensions, not 0"
        );
        Refused(
            Abi.sequor_tensor_create(backend, 4, sizes, &made),
            Status.Argument,
            "1 to 3 dimensions, not 4"
        );
        Refused(
            Abi.sequor_tensor_create(backend, 3, sizes, &made),
            Status.Argument,
            "'sizes' has -1"
        );
        sizes[0] = sizes[1] = sizes[2] = int.MaxValue;
        Refused(Abi.sequor_tensor_create(backend, 3, sizes, &made), Status.Argument, "more values");
        (sizes[1], sizes[2]) = (1 << 20, 1);
        Refused(Abi.sequor_tensor_create(backend, 3, sizes, &made), Status.Memory);
        float* host = stackalloc float[8];
        sizes[0] = 8;
        Refused(
            Abi.sequor_tensor_wrap(backend, (byte*)host + 2, 1, sizes, &made),
            Status.Argument,
            "multiple of 4"
        );
        Right(Abi.sequor_tensor_wrap(backend, host, 1, sizes, &made));
        Refused(Abi.sequor_tensor_read(made, host, 7), Status.Argument, "8 values, not 7");
        Right(Abi.sequor_tensor_free(made));
        Right(Abi.sequor_backend_free(backend));
    }
}
