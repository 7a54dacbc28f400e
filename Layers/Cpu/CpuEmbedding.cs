using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

/// <summary>
/// An embedding. Backward sorts the positions by class with a counting sort, and each thread adds up the gradients of some classes. The
/// result does not depend on the number of threads.
/// </summary>
internal sealed unsafe class CpuEmbedding : EmbeddingOperation
{
    // The position of a value that is not a class. It is sorted with those of class 0 and adds nothing.
    private const int Nowhere = -1;

    private readonly CpuBackend _backend;
    private readonly EmbeddingDescriptor _d;
    private readonly int _piece;
    private readonly Job _job;

    public CpuEmbedding(CpuBackend backend, in EmbeddingDescriptor descriptor)
        : base(backend)
    {
        (_backend, _d) = (backend, descriptor);
        _piece = _d.Piece;
        _job = new Job(this);
    }

    // The first sorted position of each class and the end of the last, then the sorted positions.
    public override long WorkspaceCount => _d.Count + 1L + _d.Positions;

    protected override void ForwardCore(Tensor classes, Tensor table, Tensor y) =>
        _job.Embed(classes, table, y);

    protected override void BackwardCore(Tensor classes, Tensor dy, Tensor dtable, Tensor workspace)
    {
        int* begins = (int*)CpuBackend.Pointer(workspace);
        int* sorted = begins + _d.Count + 1;
        Sort(CpuBackend.Pointer(classes), (int)classes.Count, begins, sorted);
        _job.Sum(dy, dtable, begins, sorted, (int)classes.Count);
    }

    private void Sort(float* classes, int positions, int* begins, int* sorted)
    {
        new Span<int>(begins, _d.Count + 1).Clear();
        for (int i = 0; i < positions; i++)
            begins[Math.Max(ClassOf(classes[i]), 0) + 1]++;
        for (int c = 0; c < _d.Count; c++)
            begins[c + 1] += begins[c];
        for (int i = 0; i < positions; i++)
        {
            int c = ClassOf(classes[i]);
            sorted[begins[Math.Max(c, 0)]++] = c < 0 ? Nowhere : i;
        }
        // Each entry has moved on to where the next class begins.
        for (int c = _d.Count; c > 0; c--)
            begins[c] = begins[c - 1];
        begins[0] = 0;
    }

    // The class, or -1 for a value that is not one.
    private int ClassOf(float value) =>
        value >= 0 && value < _d.Count && (int)value == value ? (int)value : -1;

    private sealed class Job(CpuEmbedding owner) : ParallelJob
    {
        private readonly int _columns = owner._d.Size;
        private float* _classes;
        private float* _table;
        private float* _rows;
        private int* _begins;
        private int* _sorted;
        private int _positions;
        private int _parts;

        public void Embed(Tensor classes, Tensor table, Tensor y)
        {
            _classes = CpuBackend.Pointer(classes);
            _table = CpuBackend.Pointer(table);
            _rows = CpuBackend.Pointer(y);
            _sorted = null;
            Start((int)classes.Count);
        }

        public void Sum(Tensor dy, Tensor dtable, int* begins, int* sorted, int positions)
        {
            _rows = CpuBackend.Pointer(dy);
            _table = CpuBackend.Pointer(dtable);
            _begins = begins;
            _sorted = sorted;
            Start(positions);
        }

        private void Start(int positions)
        {
            _positions = positions;
            _parts = owner._backend.Parts((long)positions * _columns);
            owner._backend.Run(this, _parts);
        }

        public override void Execute(int part)
        {
            (long first, long last) = CpuBackend.Share(_positions, part, _parts);
            if (_sorted == null)
            {
                Embed((int)first, (int)last);
                return;
            }
            switch (owner._backend.Lanes)
            {
                case 16:
                    SumClasses<Vector512<float>, Lanes512>(first, last);
                    break;
                case 8:
                    SumClasses<Vector256<float>, Lanes256>(first, last);
                    break;
                default:
                    SumClasses<Vector128<float>, Lanes128>(first, last);
                    break;
            }
        }

        private void Embed(int first, int last)
        {
            for (int i = first; i < last; i++)
            {
                var row = new Span<float>(_rows + (long)i * _columns, _columns);
                int c = owner.ClassOf(_classes[i]);
                if (c < 0)
                    row.Fill(float.NaN);
                else
                    new Span<float>(_table + (long)c * _columns, _columns).CopyTo(row);
            }
        }

        // Sums the classes whose first sorted position lies in this range.
        private void SumClasses<TV, TO>(long first, long last)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            var begins = new ReadOnlySpan<int>(_begins, owner._d.Count);
            for (int c = FirstFrom(begins, first); c < begins.Length && begins[c] < last; c++)
            {
                int end = _begins[c + 1];
                if (c == owner._d.Padding || begins[c] == end)
                    continue;
                float* row = _table + (long)c * _columns;
                for (int column = 0; column < _columns; column += TO.Width)
                    SumClass<TV, TO>(begins[c], end, row + column, column);
            }
        }

        private static int FirstFrom(ReadOnlySpan<int> begins, long position)
        {
            int low = 0;
            int high = begins.Length;
            while (low < high)
            {
                int middle = (low + high) / 2;
                if (begins[middle] < position)
                    low = middle + 1;
                else
                    high = middle;
            }
            return low;
        }

        // Adds the rows of a piece in single precision and the pieces in double precision, as the GPU does.
        private void SumClass<TV, TO>(int begin, int end, float* to, int column)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            int left = Math.Min(TO.Width, _columns - column);
            double* total = stackalloc double[16];
            float* piece = stackalloc float[16];
            new Span<double>(total, left).Clear();
            while (begin < end)
            {
                int last = Math.Min(end, (begin / owner._piece + 1) * owner._piece);
                TV sum = TO.Zero;
                for (; begin < last; begin++)
                {
                    if (_sorted[begin] == Nowhere)
                        continue;
                    float* from = _rows + (long)_sorted[begin] * _columns + column;
                    sum = TO.Add(sum, Lane<TV, TO>.Get(from, left));
                }
                Lane<TV, TO>.Put(piece, sum, left);
                for (int i = 0; i < left; i++)
                    total[i] += piece[i];
            }
            for (int i = 0; i < left; i++)
                to[i] = (float)(to[i] + total[i]);
        }
    }
}
