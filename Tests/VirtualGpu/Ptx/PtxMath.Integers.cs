namespace Sequor.VirtualGpu.Ptx;

// The arithmetic of PTX on whole numbers.
internal static partial class PtxMath
{
    public static int MinS32(int a, int b) => Math.Min(a, b);

    public static int MaxS32(int a, int b) => Math.Max(a, b);

    public static int MinU32(int a, int b) => (int)Math.Min((uint)a, (uint)b);

    public static int MaxU32(int a, int b) => (int)Math.Max((uint)a, (uint)b);

    public static long MinS64(long a, long b) => Math.Min(a, b);

    public static long MaxS64(long a, long b) => Math.Max(a, b);

    public static long MinU64(long a, long b) => (long)Math.Min((ulong)a, (ulong)b);

    public static long MaxU64(long a, long b) => (long)Math.Max((ulong)a, (ulong)b);

    // The least number stays as it is.
    public static int Abs32(int a) => a < 0 ? unchecked(-a) : a;

    public static long Abs64(long a) => a < 0 ? unchecked(-a) : a;

    public static int HighS32(int a, int b) => (int)(((long)a * b) >> 32);

    public static int HighU32(int a, int b) => (int)(((ulong)(uint)a * (uint)b) >> 32);

    public static long HighS64(long a, long b) => Math.BigMul(a, b, out _);

    public static long HighU64(long a, long b) => (long)Math.BigMul((ulong)a, (ulong)b, out _);

    public static int DivideS32(int a, int b, PtxLane lane, int site) =>
        b == -1 ? unchecked(-a) : a / (b != 0 ? b : lane.DividedByZero(site));

    public static int DivideU32(int a, int b, PtxLane lane, int site) =>
        (int)((uint)a / (uint)(b != 0 ? b : lane.DividedByZero(site)));

    public static long DivideS64(long a, long b, PtxLane lane, int site) =>
        b == -1 ? unchecked(-a) : a / (b != 0 ? b : lane.DividedByZero(site));

    public static long DivideU64(long a, long b, PtxLane lane, int site) =>
        (long)((ulong)a / (ulong)(b != 0 ? b : lane.DividedByZero(site)));

    public static int RemainderS32(int a, int b, PtxLane lane, int site) =>
        b == -1 ? 0 : a % (b != 0 ? b : lane.DividedByZero(site));

    public static int RemainderU32(int a, int b, PtxLane lane, int site) =>
        (int)((uint)a % (uint)(b != 0 ? b : lane.DividedByZero(site)));

    public static long RemainderS64(long a, long b, PtxLane lane, int site) =>
        b == -1 ? 0 : a % (b != 0 ? b : lane.DividedByZero(site));

    public static long RemainderU64(long a, long b, PtxLane lane, int site) =>
        (long)((ulong)a % (ulong)(b != 0 ? b : lane.DividedByZero(site)));

    // PTX shifts by more than there are bits as one thinks; IL does not.
    public static int ShiftLeft32(int a, int by) => (uint)by > 31 ? 0 : a << by;

    public static long ShiftLeft64(long a, int by) => (uint)by > 63 ? 0 : a << by;

    public static int ShiftRightS32(int a, int by) => a >> ((uint)by > 31 ? 31 : by);

    public static long ShiftRightS64(long a, int by) => a >> ((uint)by > 63 ? 63 : by);

    public static int ShiftRightU32(int a, int by) => (uint)by > 31 ? 0 : (int)((uint)a >> by);

    public static long ShiftRightU64(long a, int by) => (uint)by > 63 ? 0 : (long)((ulong)a >> by);

    /// <summary>The upper half of b:a shifted left.</summary>
    public static int FunnelLeftWrap(int a, int b, int by) => Funnel(a, b, 32 - (by & 31));

    public static int FunnelLeftClamp(int a, int b, int by) =>
        Funnel(a, b, 32 - (int)Math.Min((uint)by, 32));

    /// <summary>The lower half of b:a shifted right.</summary>
    public static int FunnelRightWrap(int a, int b, int by) => Funnel(a, b, by & 31);

    public static int FunnelRightClamp(int a, int b, int by) =>
        Funnel(a, b, (int)Math.Min((uint)by, 32));

    /// <summary>Each half byte of the selector takes a byte of b:a, or its sign.</summary>
    public static int Permute(int a, int b, int selector)
    {
        ulong bytes = ((ulong)(uint)b << 32) | (uint)a;
        uint result = 0;
        for (int i = 0; i < 4; i++)
        {
            int pick = (selector >> (4 * i)) & 15;
            uint value = (byte)(bytes >> (8 * (pick & 7)));
            if ((pick & 8) != 0)
                value = (value & 0x80) != 0 ? 0xFFu : 0;
            result |= value << (8 * i);
        }
        return (int)result;
    }

    public static int ExtractU32(int a, int start, int length) =>
        (int)ExtractU64((uint)a, start, length);

    public static long ExtractU64(long a, int start, int length)
    {
        start &= 255;
        length &= 255;
        ulong shifted = start > 63 ? 0 : (ulong)a >> start;
        return (long)(length > 63 ? shifted : shifted & ((1UL << length) - 1));
    }

    public static int ExtractS32(int a, int start, int length) =>
        (int)ExtractS(a, start, length, 31);

    public static long ExtractS64(long a, int start, int length) => ExtractS(a, start, length, 63);

    /// <summary><c>bfi f, a, b, start, length</c>: the lower bits of a, put into b.</summary>
    public static int Insert32(int a, int b, int start, int length)
    {
        start &= 255;
        length &= 255;
        ulong mask = Mask(start, length);
        return (int)(uint)(((uint)b & ~mask) | (ShiftUp((uint)a, start) & mask));
    }

    public static long Insert64(long a, long b, int start, int length)
    {
        start &= 255;
        length &= 255;
        ulong mask = Mask(start, length);
        return (long)(((ulong)b & ~mask) | (ShiftUp((ulong)a, start) & mask));
    }

    public static int Reverse32(int a) => (int)(uint)((ulong)Reverse64((uint)a) >> 32);

    public static long Reverse64(long a)
    {
        ulong result = 0;
        for (int i = 0; i < 64; i++)
            result |= (((ulong)a >> i) & 1) << (63 - i);
        return (long)result;
    }

    private static int Funnel(int a, int b, int right) =>
        (int)(uint)((((ulong)(uint)b << 32) | (uint)a) >> right);

    /// <summary>Bits beyond the field are copies of its highest, or of the word's where the field leaves it.</summary>
    private static long ExtractS(long a, int start, int length, int highest)
    {
        start &= 255;
        length &= 255;
        if (length == 0)
            return 0;
        int top = Math.Min(start + length - 1, highest);
        long sign = -((a >> top) & 1);
        long shifted = start > highest ? sign : a >> start;
        int kept = Math.Min(length, Math.Max(0, highest + 1 - start));
        return kept > 63 ? shifted
            : kept == 0 ? sign
            : (shifted & ((1L << kept) - 1)) | (sign << kept);
    }

    private static ulong Mask(int start, int length) =>
        ShiftUp(length > 63 ? ulong.MaxValue : (1UL << length) - 1, start);

    private static ulong ShiftUp(ulong value, int by) => by > 63 ? 0 : value << by;
}
