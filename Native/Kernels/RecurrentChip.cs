using System.Globalization;

namespace Sequor.Native.Kernels;

/// <summary>
/// A class of recurrent kernels whose weights stay on the chip (`recurrent.cuh`): up to so many units, in so many threads, with so much
/// shared memory. What fits where is what a multiprocessor has: registers of threads hold a part of the weights that is known when kernels
/// are compiled, shared memory the rest.
/// </summary>
public sealed record RecurrentChip
{
    private const int Warp = 32;

    // By cell: the classes with the weights that a thread keeps in registers, as in recurrent_rnn.cu and recurrent_lstm.cu.
    private static readonly (string Cell, int Gates, (int Most, int Held)[] Classes)[] Cells =
    [
        ("rnn", 1, [(64, 64), (128, 128), (192, 192), (256, 208), (272, 128)]),
        ("lstm", 4, [(32, 64), (64, 128), (96, 192), (128, 192), (136, 128)]),
    ];

    private readonly string _cell;
    private readonly int _gates;
    private readonly int _held;

    private RecurrentChip(string cell, int gates, int most, int held) =>
        (_cell, _gates, Most, _held) = (cell, gates, most, held);

    /// <summary>Every class of every cell.</summary>
    public static IReadOnlyList<RecurrentChip> All { get; } =
    [
        .. from cell in Cells
        from each in cell.Classes
        select new RecurrentChip(cell.Cell, cell.Gates, each.Most, each.Held),
    ];

    /// <summary>The smallest class of a cell that has so many units; null where none has.</summary>
    /// <param name="cell">rnn for tanh and ReLU, lstm.</param>
    /// <param name="units">Units of a direction.</param>
    public static RecurrentChip? Of(string cell, int units) =>
        All.FirstOrDefault(chip => chip._cell == cell && units <= chip.Most);

    /// <summary>The most units of a cell; 0 where there are no kernels for it.</summary>
    public static int MostOf(string cell) =>
        All.Where(chip => chip._cell == cell).Select(chip => chip.Most).DefaultIfEmpty().Max();

    /// <summary>The most units that it takes.</summary>
    public int Most { get; }

    /// <summary>The module that has its kernels.</summary>
    public string Module => $"recurrent_{_cell}";

    /// <summary>The kernel of the forward pass.</summary>
    public string Forward => string.Create(CultureInfo.InvariantCulture, $"{Module}_{Most}");

    /// <summary>The kernel of the backward pass.</summary>
    public string Backward =>
        string.Create(CultureInfo.InvariantCulture, $"{Module}_gradient_{Most}");

    /// <summary>Floats of the weights as `recurrent_pack` writes them; as many forward as backward.</summary>
    public int Packed => Places * Each;

    /// <summary>Dynamic shared memory of a launch, in bytes: the weights that registers do not hold.</summary>
    public int SharedBytes => Math.Max(0, Each - _held) * Places * sizeof(float);

    /// <summary>
    /// Shared memory of a block in bytes, that of the kernels' own with it: two vectors, and backward the cells of an LSTM before the first
    /// step.
    /// </summary>
    public int AllSharedBytes =>
        SharedBytes + (_gates == 1 ? 2 : 2 * _gates + 1) * Most * sizeof(float);

    /// <summary>Weights that a thread has in both memories.</summary>
    public int Each => _gates == 1 ? Most : _gates * Most / 2;

    // Threads with weights.
    private int Places => _gates == 1 ? Most : 2 * Most;

    /// <summary>A block for each sequence.</summary>
    public KernelGrid Grid(int sequences) => new(sequences, 1, (Places + Warp - 1) / Warp * Warp);
}
