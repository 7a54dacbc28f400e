namespace Sequor.Layers.Cpu;

// Products by matrices that are larger than the caches, such as the output layer of a language model and the gradient of its input.
internal sealed unsafe partial class CpuBackend
{
    /// <summary>The columns of a part when all of them are split evenly, but for where panels begin.</summary>
    private static (int From, int To) PanelShare(int columns, int part, int parts, int lanes)
    {
        int full = Tile.MaxWidth(lanes);
        (long from, long to) = Share((columns + full - 1) / full, part, parts);
        return ((int)from * full, (int)Math.Min(to * full, columns));
    }

    /// <summary>
    /// C = A B, where B is so large that it is not laid out as a whole: a part lays out a block of it in memory of its own, multiplies its
    /// rows of A by that while it is in the second-level cache, and goes on to the next. Rows of C are split where they are the longer side,
    /// and each part then lays out all of B; else columns, and each lays out its own. Every sum has the order that
    /// <see cref="MatMulJob"/> gives it, so results have its bits on any number of threads.
    /// </summary>
    private sealed class BlockedMatMulJob(CpuBackend backend) : ParallelJob
    {
        // The floats of B from which on: two second-level caches.
        private const long Least = 2 * SecondLevelCache / sizeof(float);

        // The floats of a block: a quarter of such a cache.
        private const int BlockCount = (int)(SecondLevelCache / 4 / sizeof(float));

        // The least depth of a block, since C is read and written again for each; less only where B has less.
        private const int LeastDepth = 256;

        private float* _a;
        private float* _b;
        private float* _c;
        private float* _init;
        private float* _blocks;
        private nint _initStride;
        private nint _depthStride;
        private nint _columnStride;
        private int _m;
        private int _n;
        private int _k;
        private int _depth;
        private int _columns;
        private int _parts;
        private bool _splitsColumns;

        /// <summary>Whether a product is one of these. What is laid out for a stream is multiplied where it lies.</summary>
        public static bool Takes(in MatrixProduct p) =>
            !p.TransposeA && p.Factor.IsEmpty && p.B.Count >= Least;

        public void Multiply(in MatrixProduct p)
        {
            _m = checked((int)p.A.Shape.Rows);
            _n = p.C.Shape.Columns;
            _k = p.A.Shape.Columns;
            _a = Pointer(p.A);
            _b = Pointer(p.B);
            _c = Pointer(p.C);
            _init = p.Accumulate ? _c : Pointer(p.Bias);
            _initStride = p.Accumulate ? _n : 0;
            (_depthStride, _columnStride) = p.TransposeB ? (1, _k) : (_n, 1);
            // Work that a part has in any case is laying out its share of B.
            _parts = backend.Parts((_m + 4L) * _k * _n, 1 << 18);
            _splitsColumns = _m < _n;
            int full = Tile.MaxWidth(backend.Lanes);
            long panels = ((long)_n + full - 1) / full;
            _parts = (int)Math.Min(_parts, _splitsColumns ? panels : (_m + 7L) / 8);
            long mine = (_splitsColumns ? (panels + _parts - 1) / _parts : panels) * full;
            _depth = (int)Math.Min(_k, Math.Max(LeastDepth, BlockCount / mine));
            _columns = (int)Math.Min(mine, Math.Max(1, BlockCount / _depth / full) * full);
            _blocks = backend._scratch.Take((long)_parts * _depth * _columns);
            backend.Preparations++;
            backend.Run(this, _parts);
        }

        public override void Execute(int part)
        {
            float* block = _blocks + (long)part * _depth * _columns;
            if (_splitsColumns)
            {
                (int from, int to) = PanelShare(_n, part, _parts, backend.Lanes);
                Multiply(block, 0, _m, from, to);
            }
            else
            {
                (long from, long to) = Share((_m + 7L) / 8, part, _parts);
                Multiply(block, (int)from * 8, (int)Math.Min(to * 8, _m), 0, _n);
            }
        }

        private void Multiply(float* block, int rowFrom, int rowTo, int columnFrom, int columnTo)
        {
            for (int column = columnFrom; column < columnTo; column += _columns)
            {
                int columns = Math.Min(_columns, columnTo - column);
                for (int k = 0; k < _k; k += _depth)
                {
                    int depth = Math.Min(_depth, _k - k);
                    var packed = new Packed(block, depth, columns, backend.Lanes);
                    float* from = _b + k * _depthStride + column * _columnStride;
                    packed.Fill(from, _depthStride, _columnStride, 0, depth);
                    float* c = _c + (long)rowFrom * _n + column;
                    float* init =
                        k > 0 ? c
                        : _init == null ? null
                        : _init + rowFrom * _initStride + column;
                    var tile = new Tile
                    {
                        RowStride = _k,
                        DepthStride = 1,
                        Depth = depth,
                        Taps = 1,
                        InitStride = k > 0 ? _n : _initStride,
                        OutputStride = _n,
                    };
                    packed.Multiply(tile, rowTo - rowFrom, _a + (long)rowFrom * _k + k, init, c);
                }
            }
        }
    }
}
