using System.Numerics;

namespace Sequor.Layers.Cpu;

// Matrix products, and how the work of one is split between the threads.
internal sealed unsafe partial class CpuBackend
{
    internal override long FactorCount(int depth, int columns) =>
        Packed.Elements(depth, columns, Lanes);

    private protected override void MatMulCore(in MatrixProduct product)
    {
        if (BlockedMatMulJob.Takes(product))
            _blockedMatMul.Multiply(product);
        else
            _matMul.Multiply(product);
    }

    /// <summary>
    /// Matrix products, but for those of <see cref="BlockedMatMulJob"/>. Without a transposed A, the rows of C are split between threads, or
    /// its columns where the rows are few. With a transposed A, as for gradients of weights, outputs are few and sums long: where C is
    /// small, the sum is split and each part has a C of its own; otherwise the rows of C are split.
    /// </summary>
    private sealed class MatMulJob(CpuBackend backend) : ParallelJob
    {
        // The rows of a long sum that are packed at a time; so many stay in the second-level cache.
        private const int DepthBlock = 256;

        // Of a transposed A with so many columns each row lies on a page of its own, and so many of its columns are gathered at a time.
        private const int FarColumns = 1024;
        private const int GatheredColumns = 128;

        // The most values of C for which each part gets a copy of its own.
        private const long LargestPartial = 1 << 18;

        private enum Phase
        {
            Rows,
            Columns,
            Sum,
            SumRows,
            Reduce,
        }

        private Phase _phase;
        private Packed _packed;
        private float* _a;
        private float* _b;
        private float* _c;
        private float* _bias;
        private float* _partials;
        private float* _panels;
        private long _panelCount;
        private bool _gathers;
        private int _m;
        private int _n;
        private long _k;
        private int _parts;
        private bool _accumulate;

        public void Multiply(in MatrixProduct p)
        {
            _a = Pointer(p.A);
            _b = Pointer(p.B);
            _c = Pointer(p.C);
            _bias = Pointer(p.Bias);
            _accumulate = p.Accumulate;
            if (p.TransposeA)
                MultiplyTransposed(p);
            else
                MultiplyRows(p);
        }

        private void MultiplyRows(in MatrixProduct p)
        {
            int k = p.A.Shape.Columns;
            _n = p.C.Shape.Columns;
            _k = k;
            _m = checked((int)p.A.Shape.Rows);
            float* packed = p.Factor.IsEmpty
                ? backend._scratch.Take(Packed.Elements(k, _n, backend.Lanes))
                : Pointer(p.Factor);
            _packed = new Packed(packed, k, _n, backend.Lanes);
            if (!p.HasFactor)
                Pack(p.TransposeB, k);
            _parts = backend.Parts((long)_m * k * _n, 1 << 18);
            if (_parts == 1)
            {
                Rows(0, _m);
                return;
            }
            // Rows are split in eights: with fewer of them than these, a part would have half as much again as another.
            _phase =
                _m < 24L * _parts && _n >= _parts * Tile.MaxWidth(backend.Lanes)
                    ? Phase.Columns
                    : Phase.Rows;
            backend.Run(this, _parts);
        }

        private void Pack(bool transposed, int k)
        {
            backend.Preparations++;
            if (transposed)
                _packed.Fill(_b, 1, k, 0, k);
            else
                _packed.Fill(_b, _n, 1, 0, k);
        }

        private void MultiplyTransposed(in MatrixProduct p)
        {
            _m = p.A.Shape.Columns;
            _n = p.B.Shape.Columns;
            _k = p.A.Shape.Rows;
            long size = (long)_m * _n;
            bool splitSum = size <= LargestPartial;
            _parts = backend.Parts(size * _k, 1 << 18);
            _parts = (int)
                Math.Min(_parts, splitSum ? (_k + DepthBlock - 1) / DepthBlock : (_m + 7) / 8);
            _panelCount = Packed.Elements(DepthBlock, _n, backend.Lanes);
            _gathers = _m >= FarColumns && _n > 2 * Tile.MaxWidth(backend.Lanes);
            if (_gathers)
                _panelCount += GatheredColumns * DepthBlock;
            long partials = splitSum && _parts > 1 ? size : 0;
            _panels = backend._scratch.Take((_panelCount + partials) * _parts);
            _partials = _panels + _panelCount * _parts;
            _phase = splitSum ? Phase.Sum : Phase.SumRows;
            backend.Run(this, _parts);
            if (partials == 0)
                return;
            _phase = Phase.Reduce;
            backend.Run(this, backend.Parts(size));
        }

        public override void Execute(int part)
        {
            switch (_phase)
            {
                case Phase.Rows:
                {
                    // Rows are split in eights, so that few of them go through the kernels for fewer rows.
                    (long from, long to) = Share((_m + 7) / 8, part, _parts);
                    Rows((int)from * 8, (int)Math.Min(to * 8, _m));
                    break;
                }
                case Phase.Columns:
                {
                    (int from, int to) = PanelShare(_n, part, _parts, backend.Lanes);
                    Rows(0, _m, from, to);
                    break;
                }
                case Phase.Sum:
                {
                    (long from, long to) = Share(_k, part, _parts);
                    if (_parts == 1)
                        Sum(part, 0, _m, from, to, _c, _accumulate);
                    else
                        Sum(part, 0, _m, from, to, _partials + part * (long)_m * _n, false);
                    break;
                }
                case Phase.SumRows:
                {
                    (long from, long to) = Share((_m + 7) / 8, part, _parts);
                    int first = (int)from * 8;
                    int count = (int)Math.Min(to * 8, _m) - first;
                    Sum(part, first, count, 0, _k, _c + (long)first * _n, _accumulate);
                    break;
                }
                default:
                {
                    (long from, long to) = Share((long)_m * _n, part, backend.Parts((long)_m * _n));
                    Reduce(from, to);
                    break;
                }
            }
        }

        private void Rows(int from, int to) => Rows(from, to, 0, _n);

        private void Rows(int from, int to, int columnFrom, int columnTo)
        {
            var tile = new Tile
            {
                RowStride = (nint)_k,
                DepthStride = 1,
                Depth = (int)_k,
                Taps = 1,
                InitStride = _accumulate ? _n : 0,
                OutputStride = _n,
            };
            float* c = _c + (long)from * _n;
            float* init = _accumulate ? c : _bias;
            _packed.Multiply(tile, to - from, _a + from * _k, init, c, columnFrom, columnTo);
        }

        private void Sum(int part, int row, int rows, long from, long to, float* c, bool accumulate)
        {
            float* panels = _panels + part * _panelCount;
            for (long k = from; k < to; k += DepthBlock)
            {
                int depth = (int)Math.Min(DepthBlock, to - k);
                var packed = new Packed(panels, depth, _n, backend.Lanes);
                packed.Fill(_b + k * _n, _n, 1, 0, depth);
                var tile = new Tile
                {
                    RowStride = 1,
                    DepthStride = _m,
                    Depth = depth,
                    Taps = 1,
                    InitStride = _n,
                    OutputStride = _n,
                };
                float* a = _a + k * _m + row;
                if (_gathers)
                    MultiplyGathered(packed, tile, rows, a, accumulate, c);
                else
                    packed.Multiply(tile, rows, a, accumulate ? c : null, c);
                accumulate = true;
            }
        }

        // Every panel of B goes through the same values of A, so these are laid side by side first.
        private void MultiplyGathered(
            in Packed packed,
            Tile tile,
            int rows,
            float* a,
            bool accumulate,
            float* c
        )
        {
            float* gathered = packed.Data + Packed.Elements(DepthBlock, _n, backend.Lanes);
            tile.DepthStride = GatheredColumns;
            for (int row = 0; row < rows; row += GatheredColumns)
            {
                int count = Math.Min(GatheredColumns, rows - row);
                for (int k = 0; k < tile.Depth; k++)
                {
                    var from = new ReadOnlySpan<float>(a + (long)k * _m + row, count);
                    from.CopyTo(new Span<float>(gathered + k * GatheredColumns, count));
                }
                float* to = c + (long)row * _n;
                packed.Multiply(tile, count, gathered, accumulate ? to : null, to);
            }
        }

        private void Reduce(long from, long to)
        {
            long size = (long)_m * _n;
            long i = from;
            for (; i + Vector<float>.Count <= to; i += Vector<float>.Count)
            {
                Vector<float> sums = _accumulate ? Vector.Load(_c + i) : Vector<float>.Zero;
                for (int part = 0; part < _parts; part++)
                    sums += Vector.Load(_partials + part * size + i);
                sums.Store(_c + i);
            }
            for (; i < to; i++)
            {
                float sum = _accumulate ? _c[i] : 0f;
                for (int part = 0; part < _parts; part++)
                    sum += _partials[part * size + i];
                _c[i] = sum;
            }
        }
    }
}
