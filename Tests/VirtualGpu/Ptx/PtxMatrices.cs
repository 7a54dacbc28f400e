namespace Sequor.VirtualGpu.Ptx;

/// <summary>
/// What a warp does with matrices that lie in its lanes' registers. (PTX ISA, "Warp Level Matrix Multiply-Accumulate Instructions",
/// which says what lane holds which elements.)
/// </summary>
internal static unsafe class PtxMatrices
{
    /// <summary>Where in its scratch a lane leaves the registers of A, B and C, and finds those of the result.</summary>
    public const int A = 16;
    public const int B = 32;
    public const int C = 48;
    public const int Loaded = A;

    private const int Rows = 16;
    private const int Columns = 8;
    private const int MostDepth = 16;

    /// <summary><c>mma.m16n8k</c>: C of 16 rows and 8 columns becomes A B + C.</summary>
    public static void Multiply(PtxWarp warp, PtxLane first)
    {
        int depth = first.SyncB;
        var factor = (PtxFactor)first.SyncC;
        PtxExecution execution = first.Execution;
        if (factor == PtxFactor.Tf32)
            execution.Tf32Operations += 2L * Rows * Columns * depth;
        else
            execution.HalfOperations += 2L * Rows * Columns * depth;
        // A by rows and B by columns, so that a result's factors lie in a row.
        float* a = stackalloc float[Rows * MostDepth];
        float* b = stackalloc float[Columns * MostDepth];
        float* c = stackalloc float[Rows * Columns];
        bool finite = true;
        for (int lane = 0; lane < 32; lane++)
        {
            byte* from = (byte*)warp.Lane(lane).Scratch;
            if (factor == PtxFactor.Tf32)
                finite &= Words(from, lane, depth, execution.TensorCore.RoundsFactors, a, b);
            else
                finite &= Pairs(from, lane, depth, factor, a, b);
            for (int i = 0; i < 4; i++)
            {
                float value = ((float*)(from + C))[i];
                c[PlaceOfC(lane, i)] = value;
                finite &= float.IsFinite(value);
            }
        }
        new PtxProducts(execution.TensorCore, a, b, depth, finite).AddTo(c, Rows, Columns);
        for (int lane = 0; lane < 32; lane++)
        {
            float* to = (float*)((byte*)warp.Lane(lane).Scratch + C);
            for (int i = 0; i < 4; i++)
                to[i] = c[PlaceOfC(lane, i)];
        }
    }

    /// <summary>
    /// <c>ldmatrix</c>: rows of eight elements of 16 bits from shared memory, whose addresses a lane each gives: the first eight those
    /// of the first matrix, and so on. A lane gets two neighbours of a row or, transposed, of a column.
    /// </summary>
    public static void Load(PtxWarp warp, PtxLane first)
    {
        int count = first.SyncB;
        bool transposed = first.SyncC != 0;
        int site = first.SyncSite;
        Span<ulong> addresses = stackalloc ulong[32];
        ushort* elements = stackalloc ushort[4 * 64];
        for (int lane = 0; lane < 32; lane++)
        {
            PtxLane of = warp.Lane(lane);
            if (lane >= 8 * count)
            {
                // Up to sm_75 every lane's address has to be one, whether it is used or not.
                if (of.Execution.Kernel.Target.Capability < 80)
                    of.Block.Shared.CheckPlace(of, SharedAddress(of, site), site, 16);
                continue;
            }
            addresses[lane] = SharedAddress(of, site);
            byte* row = of.Block.Shared.Read(of, addresses[lane], site, 16, strong: false);
            Buffer.MemoryCopy(row, elements + 8 * lane, 16, 16);
        }
        uint used = count == 4 ? uint.MaxValue : (1u << (8 * count)) - 1;
        first.Block.Traffic?.SharedTogether(site, addresses, used);
        for (int lane = 0; lane < 32; lane++)
        {
            uint* to = (uint*)((byte*)warp.Lane(lane).Scratch + Loaded);
            int major = lane / 4;
            int minor = lane % 4 * 2;
            for (int i = 0; i < count; i++)
            {
                ushort* matrix = elements + 64 * i;
                to[i] = transposed
                    ? matrix[8 * minor + major] | (uint)matrix[8 * (minor + 1) + major] << 16
                    : matrix[8 * major + minor] | (uint)matrix[8 * major + minor + 1] << 16;
            }
        }
    }

    private static ulong SharedAddress(PtxLane lane, int site)
    {
        ulong address = lane.SyncAddress;
        if (lane.Execution.Code.Accesses[site]!.Space == PtxSpace.Shared)
            return address;
        return PtxAddress.Of(address) == PtxSpace.Shared
            ? address - PtxAddress.Window(PtxSpace.Shared)
            : throw lane.Fault(
                PtxFaultKind.OutOfBounds,
                site,
                address,
                "the generic address of a matrix's row, which lies in shared memory, leads elsewhere"
            );
    }

    private static int PlaceOfC(int lane, int i) =>
        (lane / 4 + i / 2 * 8) * Columns + lane % 4 * 2 + i % 2;

    // Registers of one element: columns of A and rows of B in steps of four.
    private static bool Words(byte* from, int lane, int depth, bool rounds, float* a, float* b)
    {
        bool finite = true;
        for (int i = 0; i < depth / 2; i++)
        {
            float value = PtxNarrow.OfTf32(((int*)(from + A))[i], rounds);
            a[(lane / 4 + i % 2 * 8) * depth + lane % 4 + i / 2 * 4] = value;
            finite &= float.IsFinite(value);
        }
        for (int i = 0; i < depth / 4; i++)
        {
            float value = PtxNarrow.OfTf32(((int*)(from + B))[i], rounds);
            b[lane / 4 * depth + lane % 4 + i * 4] = value;
            finite &= float.IsFinite(value);
        }
        return finite;
    }

    // Registers of two elements: columns of A and rows of B in steps of eight.
    private static bool Pairs(byte* from, int lane, int depth, PtxFactor factor, float* a, float* b)
    {
        bool finite = true;
        for (int i = 0; i < depth / 2; i++)
        {
            float value = Of(((ushort*)(from + A))[i], factor);
            a[(lane / 4 + i / 2 % 2 * 8) * depth + lane % 4 * 2 + i % 2 + i / 4 * 8] = value;
            finite &= float.IsFinite(value);
        }
        for (int i = 0; i < depth / 4; i++)
        {
            float value = Of(((ushort*)(from + B))[i], factor);
            b[lane / 4 * depth + lane % 4 * 2 + i % 2 + i / 2 * 8] = value;
            finite &= float.IsFinite(value);
        }
        return finite;
    }

    private static float Of(ushort bits, PtxFactor factor) =>
        factor == PtxFactor.BFloat16
            ? BitConverter.Int32BitsToSingle(bits << 16)
            : PtxMath.SingleOfHalfBits(bits);
}
