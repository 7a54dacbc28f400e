using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>The parameters of the matrices around a scan, their gradients before, and the gradients of the matrices.</summary>
internal sealed record DiagonalCase(
    DiagonalForm Form,
    int Model,
    int Size,
    int Directions,
    float[][] Values,
    float[][] Starts
)
{
    /// <summary>Of several passes, sequences or tiles.</summary>
    public const int Parts = 3;

    public required float[] LambdaSlope { get; init; }
    public required float[] BSlope { get; init; }
    public required float[] CSlope { get; init; }

    /// <summary>The sizes of the parameters.</summary>
    public int[][] Shapes =>
        [
            [Size],
            [Size],
            [Size],
            [Size, Model],
            [Size, Model],
            [Model, Directions * Size],
            [Model, Directions * Size],
        ];

    /// <summary>Rows of B and of each direction's C.</summary>
    public int Rows => Size + Directions * Model;

    /// <summary>A case with these numbers of the states, and others that are drawn.</summary>
    public static DiagonalCase Of(
        DiagonalForm form,
        float[] decay,
        float[] frequency,
        float[] scale,
        int model,
        int directions
    )
    {
        int size = decay.Length;
        var draw = new Draw((ulong)(model * 10 + size));
        int into = size * model;
        int outOf = into * directions;
        float[][] values =
        [
            decay,
            frequency,
            scale,
            draw.Uniform(into),
            draw.Uniform(into),
            draw.Uniform(outOf),
            draw.Uniform(outOf),
        ];
        return new DiagonalCase(
            form,
            model,
            size,
            directions,
            values,
            [.. values.Select(v => draw.Uniform(v.Length))]
        )
        {
            LambdaSlope = draw.Uniform(Parts * 2 * size),
            BSlope = draw.Uniform(2 * into),
            CSlope = draw.Uniform(2 * outOf),
        };
    }
}

/// <summary>Lambda, B', C' and the gradients of the parameters.</summary>
internal sealed record DiagonalResult(float[] Lambda, float[] B, float[] C, float[][] Gradients)
{
    /// <summary>What the CPU makes of a case.</summary>
    public static DiagonalResult OfCpu(DiagonalCase of)
    {
        using var host = new HostTensors();
        DiagonalTensors parameters = Gather(of, of.Values);
        Tensor[] slopes = [.. of.Starts.Select((v, i) => host.Put(v, of.Shapes[i]))];
        Tensor lambda = host.New(of.Size, 2);
        Tensor b = host.New(2 * of.Size, of.Model);
        Tensor c = host.New(of.Directions * of.Model, 2 * of.Size);
        host.Backend.DiagonalParametrization([parameters], [new DiagonalMatrices(lambda, b, c)]);
        host.Backend.DiagonalParametrizationGradient(
            [parameters],
            [
                new DiagonalMatrices(
                    host.Put(of.LambdaSlope, DiagonalCase.Parts, 2 * of.Size),
                    host.Put(of.BSlope, 2 * of.Size, of.Model),
                    host.Put(of.CSlope, of.Directions * of.Model, 2 * of.Size)
                ),
            ],
            [Tensors(of.Form, slopes)]
        );
        return new(host.Get(lambda), host.Get(b), host.Get(c), [.. slopes.Select(host.Get)]);

        DiagonalTensors Gather(DiagonalCase each, float[][] values) =>
            Tensors(each.Form, [.. values.Select((v, i) => host.Put(v, each.Shapes[i]))]);
    }

    private static DiagonalTensors Tensors(DiagonalForm form, Tensor[] t) =>
        new(form, t[0], t[1], form.HasScale() ? t[2] : default, t[3], t[4], t[5], t[6]);

    /// <summary>Compares what kernels gave with what the CPU gave.</summary>
    public void Check(DiagonalResult actual, double most)
    {
        // To the last bit but one where double rounds to the other side.
        Close.Check(actual.Lambda, Doubles(Lambda), 6e-8, "lambda");
        Close.Check(actual.B, Doubles(B), most, "B'");
        Close.CheckBits(actual.C, C, "C'");
        for (int i = 0; i < Gradients.Length; i++)
            Close.Check(actual.Gradients[i], Doubles(Gradients[i]), 1e-6, $"gradient {i}");
    }

    private static double[] Doubles(float[] values) => [.. values.Select(v => (double)v)];
}

/// <summary>Matrices around diagonal scans by the kernels, of all cases in a launch.</summary>
internal sealed class DiagonalOnDevice
{
    private readonly KernelMachine _machine;
    private readonly DiagonalCase[] _cases;
    private readonly DeviceBundle _parameters;
    private readonly DeviceBundle _gradients;
    private readonly DeviceBundle _prepared;
    private readonly DeviceBundle _slopes;
    private readonly List<long[]> _places = [];
    private readonly DeviceArray _table;
    private readonly string _kernel;

    public DiagonalOnDevice(KernelMachine machine, params DiagonalCase[] cases)
    {
        (_machine, _cases) = (machine, cases);
        _parameters = new DeviceBundle(machine);
        _gradients = new DeviceBundle(machine);
        _prepared = new DeviceBundle(machine);
        _slopes = new DeviceBundle(machine);
        List<int> words = [];
        foreach (DiagonalCase each in cases)
        {
            long[] places =
            [
                .. each.Values.Select(_parameters.Add),
                _prepared.Add(2 * each.Size),
                _prepared.Add(each.BSlope.Length),
                _prepared.Add(each.CSlope.Length),
                _slopes.Add(each.LambdaSlope),
                _slopes.Add(each.BSlope),
                _slopes.Add(each.CSlope),
            ];
            foreach (float[] start in each.Starts)
                _gradients.Add(start);
            _places.Add(places);
            int[] sizes = [(int)each.Form, each.Model, each.Size, each.Directions];
            words.AddRange(DeviceBundle.Words(places, sizes));
        }
        _table = machine.Put(words.ToArray());
        _kernel = cases[0].Form == DiagonalForm.LogPolar ? "lru_prepare" : "diagonal_prepare";
    }

    /// <summary>The blocks of a launch.</summary>
    public KernelGrid Grid => KernelGrid.WarpTable(_cases.Length, _cases.Max(c => c.Rows));

    public void Prepare() => _machine.Launch(_kernel, Grid, _table, _parameters.All, _prepared.All);

    public void Gradient() =>
        _machine.Launch(
            $"{_kernel}_gradient",
            Grid,
            _table,
            _parameters.All,
            _slopes.All,
            _gradients.All,
            DiagonalCase.Parts
        );

    /// <summary>What there is of a case now.</summary>
    public DiagonalResult Result(int number)
    {
        DiagonalCase of = _cases[number];
        long[] at = _places[number];
        return new(
            _prepared.Get(at[7], 2 * of.Size),
            _prepared.Get(at[8], of.BSlope.Length),
            _prepared.Get(at[9], of.CSlope.Length),
            [.. of.Starts.Select((start, i) => _gradients.Get(at[i], start.Length))]
        );
    }

    /// <summary>Fails where something was written that belongs to no case.</summary>
    public void RequireGaps()
    {
        _prepared.RequireGaps(
            _cases.SelectMany((c, n) => Made(c).Select((count, i) => (_places[n][7 + i], count)))
        );
        _gradients.RequireGaps(
            _cases.SelectMany((c, n) => c.Starts.Select((s, i) => (_places[n][i], (long)s.Length)))
        );

        static IEnumerable<long> Made(DiagonalCase c) =>
            [2 * c.Size, c.BSlope.Length, c.CSlope.Length];
    }
}
