using System.Globalization;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Chooses how the scan of a diagonal recurrence is split: a thread for all time, or tiles of so many steps. Where a plan takes sequences
/// of different lengths it is measured on packed rows, by the kernels for these, of a batch whose lengths fall evenly from the largest to
/// half of it: which a batch will have is not known, and the longest alone has steps in the last tiles. Where steps may begin anew, it is
/// measured by the kernels for that, without any mark.
/// </summary>
internal sealed class ScanTuning(CudaBackend backend, DiagonalScanDescriptor descriptor)
    : TuningTask
{
    private const string Wide = "wide";
    private const string Tiles = "tiles-";
    private const int StepsOfWarp = 16;

    // Those that can be forced; the guess may be of another length.
    private static readonly int[] s_warps = [0, 4, 8, 16];

    private readonly DiagonalScanDescriptor _d = descriptor;
    private Tensor _lambda;
    private Tensor _inputs;
    private Tensor _gradients;
    private Tensor _states;
    private Tensor _flow;
    private SequenceLayout? _layout;
    private StepResets? _resets;

    public override string Kind => "scan";

    public override string Shape =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"channels {_d.StateSize}, length {_d.MaxLength}, batch {_d.MaxBatch}"
        )
        + (_d.VariableLengths ? ", packed" : "")
        + (_d.Resets ? ", resets" : "")
        + (_d.Training ? ", training" : "");

    public override string? OnlyBecause =>
        _d.MaxLength <= s_warps[1] * StepsOfWarp ? "so few steps are not split" : null;

    public override string Plainest => Wide;

    public override IReadOnlyList<string> Candidates =>
        OnlyBecause is not null
            ? [Wide]
            : [Guess, .. s_warps.Select(NameOf).Where(name => name != Guess)];

    private string Guess =>
        NameOf(
            ScanKernel
                .Choose(
                    _d.MaxBatch,
                    _d.StateSize,
                    _d.MaxLength,
                    _d.VariableLengths,
                    aligned: true,
                    backend.Context.Device.Multiprocessors
                )
                .Warps
        );

    public static string NameOf(ScanMethod method) =>
        method switch
        {
            ScanMethod.Wide => Wide,
            ScanMethod.Tiles64 => NameOf(4),
            ScanMethod.Tiles128 => NameOf(8),
            _ => NameOf(16),
        };

    /// <summary>Warps of a tile of the forward pass; 0 for none.</summary>
    public static int WarpsOf(string name) =>
        name == Wide
            ? 0
            : int.Parse(name.AsSpan(Tiles.Length), CultureInfo.InvariantCulture) / StepsOfWarp;

    public override void Prepare(TuningMemory memory)
    {
        var rows = new Shape(_d.MaxLength, _d.MaxBatch, 2 * _d.StateSize);
        if (_d.VariableLengths)
        {
            _layout = Packed(memory);
            rows = new Shape(_layout.Rows, 1, 2 * _d.StateSize);
        }
        if (_d.Resets)
        {
            _resets = new StepResets(_d.MaxLength, _d.MaxBatch);
            _resets.Words = memory.Room(new Shape(_resets.Count));
            backend.Fill(_resets.Words, 0f);
        }
        // Each part below 0.7, so that none is above 1.
        _lambda = memory.Random(new Shape(_d.StateSize, 2), 0.7);
        _inputs = memory.Random(rows, 1);
        _states = memory.Room(rows);
        double bound = TuningBounds.Of(FloatMath.Fp32, _d.MaxLength);
        List<TuningOutput> outputs = [new("the states", _states, bound)];
        if (_d.Training)
        {
            _gradients = memory.Random(rows, 1);
            _flow = memory.Room(rows);
            outputs.Add(new("the gradient by the inputs", _flow, bound));
        }
        Outputs = outputs;
    }

    private SequenceLayout Packed(TuningMemory memory)
    {
        var layout = new SequenceLayout(_d.MaxLength, _d.MaxBatch)
        {
            OnDevice = memory.Room(new Shape(backend.LayoutCount(_d.MaxLength, _d.MaxBatch))),
        };
        layout.Set([
            .. Enumerable
                .Range(0, _d.MaxBatch)
                .Select(i => _d.MaxLength - (int)((long)_d.MaxLength * i / (2L * _d.MaxBatch))),
        ]);
        backend.Upload(layout);
        return layout;
    }

    public override TuningTrial Open(string candidate) =>
        new Trial(this, new CudaDiagonalScan(backend, _d, WarpsOf(candidate)));

    private static string NameOf(int warps) =>
        warps == 0
            ? Wide
            : string.Create(CultureInfo.InvariantCulture, $"{Tiles}{StepsOfWarp * warps}");

    // The copies are the same for all candidates.
    private void Restore()
    {
        backend.Copy(_inputs, _states);
        if (_d.Training)
            backend.Copy(_gradients, _flow);
    }

    private sealed class Trial(ScanTuning task, CudaDiagonalScan scan) : TuningTrial
    {
        public override long WorkspaceCount => scan.WorkspaceCount;

        // What a backward pass leaves for the gradient by lambda.
        public override long ReserveCount => scan.LambdaGradientCount;

        public override void Run(Tensor workspace, Tensor reserve)
        {
            task.Restore();
            var range = new ScanRange(0, task._d.MaxLength);
            scan.Forward(
                task._lambda,
                task._states,
                task._layout,
                range,
                workspace,
                resets: task._resets
            );
            if (task._d.Training)
                scan.Backward(
                    task._lambda,
                    task._states,
                    task._layout,
                    task._flow,
                    range,
                    reserve,
                    adds: false,
                    workspace,
                    task._resets
                );
        }

        public override void Dispose()
        {
            scan.Dispose();
            base.Dispose();
        }
    }
}
