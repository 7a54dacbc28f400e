using System.Text;
using NUnit.Framework;
using Sequor.C;
using Sequor.Tests.Mutations;

namespace Sequor.Tests.C;

/// <summary>Random calls with handles that are right, of another kind, freed and made up, and damaged descriptions: nothing crashes.</summary>
[TestFixture]
internal sealed unsafe class FuzzTests : AbiFixture
{
    private const int Ordinary = 3000;
    private const int Many = 100_000;
    private const int MostHandles = 40;

    private static readonly byte[][] Corpus =
    [
        .. new[]
        {
            Small,
            """{"layers":[{"type":"embedding","count":9,"size":4},{"type":"branches","join":"add","layers":[{"type":"linear","outputs":4},{"type":"gru","hidden":4}]},{"type":"mean"}]}""",
            """{"type":"lru","input":2,"model":3,"state":2,"ring":{"min_radius":0.5,"max_radius":0.9,"max_phase":3}}""",
            """{"type":"tcn","input":2,"widths":[3,4],"kernel":2,"dropout":0.1}""",
            """{"type":"residual","body":{"type":"lstm","input":4,"hidden":4,"cell_clip":[-1,1],"bias":"none"}}""",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    private static readonly string[] Words =
    [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"type\"",
        "\"lstm\"",
        "\"linear\"",
        "\"layers\"",
        "\"hidden\":",
        "null",
        "true",
        "-1",
        "\"\\ud800\"",
        "{\"type\":\"residual\",\"body\":",
    ];

    [Test]
    public void Random_calls_crash_nothing() => Call(1, Ordinary);

    [Test]
    [Category("Long")]
    public void Many_random_calls_crash_nothing() => Call(1_000_000, Many);

    [Test]
    public void Damaged_descriptions_are_read_or_refused() => Damage(1, Ordinary);

    [Test]
    [Category("Long")]
    public void Many_damaged_descriptions_are_read_or_refused() => Damage(1_000_000, Many);

    private static void Damage(int seed, int count)
    {
        var mutator = new Mutator(Corpus, Words, exchanges: true);
        int read = 0;
        for (int i = 0; i < count; i++)
        {
            // A zero ends the text.
            byte[] damaged = [.. mutator.Make(seed + i), 0];
            ulong model;
            int status;
            fixed (byte* text = damaged)
                status = Abi.sequor_model_create(text, &model);
            if (status == 0)
            {
                read++;
                Right(Abi.sequor_model_free(model));
            }
            else
            {
                Refused(status, Status.Description);
            }
        }
        Assert.That(read, Is.GreaterThan(0).And.LessThan(count));
    }

    private static void Call(int seed, int count)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("sequor-fuzz-");
        try
        {
            Call(seed, count, folder);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void Call(int seed, int count, DirectoryInfo folder)
    {
        var random = new Random(seed);
        var handles = new List<ulong>();
        ulong[] backends = [Cpu(), Cpu()];
        handles.AddRange(backends);
        var seen = new Dictionary<Status, int>();
        float* values = stackalloc float[64];
        new Span<float>(values, 64).Clear();
        int* sizes = stackalloc int[4];
        byte* buffer = stackalloc byte[512];
        byte[] adam = Text("""{"type":"adam","learning_rate":0.01}""");
        byte[] mse = Text("""{"type":"mse"}""");
        byte[] name = Text("0.weight_ih_l0");
        byte[] small = Text(Small);
        byte[] file = Text(Path.Join(folder.FullName, "weights.safetensors"));
        byte[] torch = Text("""{"modules":{"0":"rnn"}}""");
        fixed (byte* optimizerText = adam)
        fixed (byte* lossText = mse)
        fixed (byte* nameText = name)
        fixed (byte* modelText = small)
        fixed (byte* fileText = file)
        fixed (byte* torchText = torch)
        {
            for (int i = 0; i < count; i++)
            {
                ulong made = 0;
                PlanOptionsStruct options = Options(
                    random.Next(-1, 5),
                    random.Next(-1, 4),
                    random.Next(-1, 4)
                );
                options.InputGradient = random.Next(2);
                options.VariableLengths = random.Next(2);
                options.GradientInOutput = random.Next(2);
                options.Carry = random.Next(4) == 0 ? 1 : 0;
                sizes[0] = random.Next(-1, 5);
                sizes[1] = random.Next(0, 4);
                sizes[2] = random.Next(0, 3);
                int length = random.Next(0, 5);
                int batch = random.Next(0, 4);
                long n = random.Next(4) == 0 ? random.Next(-2, 64) : (long)length * batch * 2;
                int status = random.Next(42) switch
                {
                    0 => Abi.sequor_model_create(modelText, &made),
                    1 or 2 or 3 => Abi.sequor_plan_create(
                        Pick(HandleKind.Model),
                        Pick(HandleKind.Backend),
                        &options,
                        &made
                    ),
                    4 or 5 => Abi.sequor_loss_create(Pick(HandleKind.Plan), lossText, &made),
                    6 or 7 => Abi.sequor_optimizer_create(
                        Pick(HandleKind.Plan),
                        optimizerText,
                        &made
                    ),
                    8 or 9 => Abi.sequor_step_create(
                        Pick(HandleKind.Loss),
                        Pick(HandleKind.Optimizer),
                        &made
                    ),
                    10 => Abi.sequor_tensor_create(
                        Pick(HandleKind.Backend),
                        random.Next(-1, 5),
                        sizes,
                        &made
                    ),
                    11 => Abi.sequor_tensor_wrap(
                        Pick(HandleKind.Backend),
                        values,
                        random.Next(1, 3),
                        sizes,
                        &made
                    ),
                    12 => Abi.sequor_plan_output(Pick(HandleKind.Plan), &made),
                    13 => Abi.sequor_plan_input(Pick(HandleKind.Plan), length, batch, &made),
                    14 => Abi.sequor_plan_input_gradient(Pick(HandleKind.Plan), &made),
                    15 => Abi.sequor_plan_gradient(Pick(HandleKind.Plan), nameText, &made),
                    16 => Abi.sequor_loss_gradient(Pick(HandleKind.Loss), &made),
                    17 => Abi.sequor_model_tensor(Pick(HandleKind.Model), nameText, &made),
                    18 or 19 => Abi.sequor_plan_forward(
                        Pick(HandleKind.Plan),
                        values,
                        n,
                        length,
                        batch,
                        null,
                        0
                    ),
                    20 => Abi.sequor_plan_set_input(
                        Pick(HandleKind.Plan),
                        values,
                        n,
                        length,
                        batch,
                        null,
                        0
                    ),
                    21 => Abi.sequor_plan_forward_tensor(
                        Pick(HandleKind.Plan),
                        Pick(HandleKind.Tensor),
                        null,
                        0
                    ),
                    22 => Abi.sequor_plan_backward(
                        Pick(HandleKind.Plan),
                        values,
                        batch,
                        random.Next(2)
                    ),
                    23 => Abi.sequor_plan_backward_tensor(
                        Pick(HandleKind.Plan),
                        Pick(HandleKind.Tensor),
                        random.Next(2)
                    ),
                    24 => Abi.sequor_loss_set_targets(
                        Pick(HandleKind.Loss),
                        values,
                        batch,
                        null,
                        0
                    ),
                    25 => Abi.sequor_loss_backward(Pick(HandleKind.Loss), 0),
                    26 => Abi.sequor_optimizer_step(Pick(HandleKind.Optimizer), random.Next(-1, 2)),
                    27 => Abi.sequor_step_run(Pick(HandleKind.Step)),
                    28 => Abi.sequor_tensor_read(Pick(HandleKind.Tensor), values, random.Next(9)),
                    29 => Abi.sequor_tensor_write(Pick(HandleKind.Tensor), values, random.Next(9)),
                    30 => Abi.sequor_tensor_copy(Pick(HandleKind.Tensor), Pick(HandleKind.Tensor)),
                    31 => Abi.sequor_backend_info(
                        Pick(HandleKind.Backend),
                        buffer,
                        (nuint)random.Next(512),
                        null
                    ),
                    32 => Abi.sequor_model_read(Pick(HandleKind.Model), nameText, values, 32),
                    33 => Abi.sequor_plan_reset(Pick(HandleKind.Plan)),
                    34 => Abi.sequor_loss_value(Pick(HandleKind.Loss), values),
                    35 => Abi.sequor_optimizer_gradient_norm(Pick(HandleKind.Optimizer), values),
                    36 => Abi.sequor_plan_forward_packed(
                        Pick(HandleKind.Plan),
                        values,
                        n,
                        sizes,
                        random.Next(4)
                    ),
                    37 => Abi.sequor_plan_forward_packed_tensor(
                        Pick(HandleKind.Plan),
                        Pick(HandleKind.Tensor),
                        sizes,
                        random.Next(4)
                    ),
                    38 => Abi.sequor_model_save_torch(
                        Pick(HandleKind.Model),
                        fileText,
                        random.Next(2) == 0 ? torchText : null
                    ),
                    39 => Abi.sequor_model_load_torch(
                        Pick(HandleKind.Model),
                        fileText,
                        random.Next(3) == 0 ? 0 : Pick(HandleKind.Backend),
                        random.Next(2) == 0 ? torchText : null
                    ),
                    _ => Free(random, Pick((HandleKind)random.Next(1, 8))),
                };
                seen[(Status)status] = seen.GetValueOrDefault((Status)status) + 1;
                Assert.That(Enum.IsDefined((Status)status), $"call {i}: {status}");
                Assert.That(
                    (Status)status,
                    Is.Not.EqualTo(Status.Internal),
                    $"call {i}: {LastWords}"
                );
                Assert.That(
                    status == 0,
                    Is.EqualTo(LastWords.Length == 0),
                    $"call {i}: {LastWords}"
                );
                if (made != 0)
                {
                    Assert.That(status, Is.Zero);
                    handles.Add(made);
                }
                if (handles.Count > MostHandles)
                {
                    FreeAny(handles[random.Next(2, handles.Count)]);
                    handles.RemoveAll(h => !IsLive(h));
                }
                // Plans on a backend that was freed answer that they are closed.
                if (!IsLive(backends[0]) && !IsLive(backends[1]))
                    handles.AddRange(backends = [Cpu(), Cpu()]);
            }
        }
        // Enough of them are right, or nothing but handles would be looked at.
        Assert.That(seen[Status.Ok], Is.GreaterThan(count / 8));
        Assert.That(
            seen.Keys,
            Is.SupersetOf(new[] { Status.Ok, Status.Argument, Status.Handle, Status.State })
        );
        foreach (ulong handle in handles)
            FreeAny(handle);

        // Mostly one of the kind that is wanted; else any, one with a bit changed, 0, or a number.
        ulong Pick(HandleKind kind)
        {
            ulong[] right = [.. handles.Where(h => (HandleKind)(byte)(h >> 24) == kind)];
            return random.Next(24) switch
            {
                0 => (ulong)random.NextInt64(),
                1 => handles[random.Next(handles.Count)] ^ (1UL << random.Next(64)),
                2 => 0,
                3 => handles[random.Next(handles.Count)],
                _ => right.Length == 0 ? 0 : right[random.Next(right.Length)],
            };
        }
    }

    // Frees it as what it may not be: only the right function does.
    private static int Free(Random random, ulong handle) =>
        random.Next(8) switch
        {
            0 => random.Next(20) == 0
                ? Abi.sequor_backend_free(handle)
                : Abi.sequor_backend_synchronize(handle),
            1 => Abi.sequor_model_free(handle),
            2 => Abi.sequor_plan_free(handle),
            3 => Abi.sequor_loss_free(handle),
            4 => Abi.sequor_optimizer_free(handle),
            5 => Abi.sequor_step_free(handle),
            _ => Abi.sequor_tensor_free(handle),
        };

    private static void FreeAny(ulong handle) =>
        _ =
            Abi.sequor_backend_free(handle)
            * Abi.sequor_model_free(handle)
            * Abi.sequor_plan_free(handle)
            * Abi.sequor_loss_free(handle)
            * Abi.sequor_optimizer_free(handle)
            * Abi.sequor_step_free(handle)
            * Abi.sequor_tensor_free(handle);

    // A handle that is freed answers so to every function; asked here is what none of them refuses otherwise.
    private static bool IsLive(ulong handle)
    {
        HandleKind kind = (HandleKind)(byte)(handle >> 24);
        try
        {
            _ = Handles.Get<object>(handle, kind);
            return true;
        }
        catch (RefusedException)
        {
            return false;
        }
    }
}
