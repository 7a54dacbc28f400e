namespace Sequor.VirtualGpu.Ptx;

/// <summary>
/// Every form of every instruction that is supported: its modifiers and types, and from which version and target on
/// there is one. All of them are forms that ptxas 11.8 takes.
/// </summary>
internal static class PtxForms
{
    private const string Comparisons = "eq/ne/lt/le/gt/ge";
    private const string Whole = "rni/rzi/rmi/rpi";
    private const string Combined = "and/or/xor?";
    private const string Scopes = "cta/cluster/gpu/sys?";
    private const string Keep =
        "L1::evict_normal/L1::evict_unchanged/L1::evict_first/L1::evict_last/L1::no_allocate?";
    private const string Prefetch = "L2::64B/L2::128B/L2::256B?";
    private const string Atom =
        "atom | relaxed/acquire/release/acq_rel? " + Scopes + " global/shared? ";
    private const string Red = "red | relaxed/release? " + Scopes + " global/shared? ";

    // Opcodes | modifiers: a/b is one of them, ? may be left out, ^ has to stand directly behind the opcode | types,
    // one, or two as to:from, or four as d:a:b:c, or - for none | version in tenths and target, where there are versions without it.
    // The order of modifiers is free, as it is for ptxas.
    private static readonly string[] s_texts =
    [
        "add sub | | int",
        "add sub mul | rn? ftz? sat? | f32",
        "add sub mul | rn? | f64",
        "mul mad | ^lo | int",
        "mul mad | ^hi | s32 u32 s64 u64",
        "mul mad | ^wide | s16 u16 s32 u32",
        "mad fma | rn ftz? sat? | f32",
        "mad fma | rn | f64",
        "div rem min max | | int",
        "div | rn ftz? | f32",
        "div | rn | f64",
        "div | approx/full ftz? | f32",
        "min max | ftz? | f32",
        "min max | NaN ftz? | f32 | 70 80",
        "min max | | f64",
        "abs neg | | s16 s32 s64",
        "abs neg | ftz? | f32",
        "abs neg | | f64",
        "copysign | | f32 f64",
        "rcp sqrt | rn/approx ftz? | f32",
        "rcp sqrt | rn | f64",
        "rsqrt ex2 lg2 sin cos | approx ftz? | f32",
        "tanh | approx | f32 | 70 75",
        "and or xor not | | pred bits",
        "shl | | bits",
        "shr | | bits int",
        "shf | ^l/r wrap/clamp | b32 | 31 32",
        "prmt | | b32",
        "bfe | | s32 u32 s64 u64",
        "bfi popc clz brev | | b32 b64",
        "selp | | bits int f32 f64",
        "slct | | bits:s32 int:s32 f32:s32 f64:s32",
        $"setp | eq/ne {Combined} | bits",
        $"setp | {Comparisons} {Combined} | s16 s32 s64",
        $"setp | {Comparisons}/lo/ls/hi/hs {Combined} | u16 u32 u64",
        $"setp | {Comparisons}/equ/neu/ltu/leu/gtu/geu/num/nan ftz? {Combined} | f32",
        $"setp | {Comparisons}/equ/neu/ltu/leu/gtu/geu/num/nan {Combined} | f64",
        "mov | | pred bits int f32 f64",
        "cvt | | any:any",
        "cvt | rn ftz? | f32:any f16:f32",
        "cvt | rn | f64:any",
        $"cvt | {Whole} ftz? | any:f32",
        $"cvt | {Whole} | any:f64",
        "cvt | ftz? | f32:f16 f64:f32",
        "cvt | rz ftz? | f16:f32",
        "cvt | rn/rz relu | f16:f32 | 70 80",
        "cvt | rn/rz relu? | bf16:f32 f16x2:f32 bf16x2:f32 | 70 80",
        "cvt | | f32:bf16 | 71 80",
        "cvt | rna | tf32:f32 | 70 80",
        "cvt | rn/rz | tf32:f32 | 78 90",
        "cvt | rn ftz? sat? | f32:f64",
        $"cvt | {Whole}? ftz? sat? | f32:f32",
        $"cvt | {Whole}? | f64:f64",
        "cvta | ^to? global/shared/local | u64",
        "isspacep | global/shared/local | -",
        $"ld | weak/relaxed/acquire/volatile? {Scopes} global/shared/local/const/param? ca/cg/cs/lu/cv? nc? v2/v4? {Keep} {Prefetch} | memory",
        $"st | weak/relaxed/release/volatile? {Scopes} global/shared/local? wb/cg/cs/wt? v2/v4? {Keep} | memory",
        Atom + "add | u32 s32 u64 f32",
        Atom + "add | f64 | 50 60",
        Atom + "min/max | u32 s32",
        Atom + "min/max | u64 s64 | 31 32",
        Atom + "and/or/xor | b32",
        Atom + "and/or/xor | b64 | 31 32",
        Atom + "inc/dec | u32",
        Atom + "exch/cas | b32 b64",
        Red + "add | u32 s32 u64 f32",
        Red + "add | f64 | 50 60",
        Red + "min/max | u32 s32",
        Red + "min/max | u64 s64 | 31 32",
        Red + "and/or/xor | b32",
        Red + "and/or/xor | b64 | 31 32",
        Red + "inc/dec | u32",
        "membar | cta/gl/sys | -",
        "fence | sc/acq_rel? cta/cluster/gpu/sys | - | 60 70",
        $"cp | ^async ca/cg shared global {Prefetch} | - | 70 80",
        "cp | ^async commit_group/wait_group/wait_all | - | 70 80",
        "bar | ^warp sync | - | 60 30",
        "bar | ^sync | -",
        "bar | ^cta sync | - | 78 20",
        "bar | ^red popc | u32",
        "bar | ^red and/or | pred",
        "barrier | sync aligned? | - | 60 30",
        "barrier | cta sync aligned? | - | 78 30",
        "barrier | red popc aligned? | u32 | 60 30",
        "barrier | red and/or aligned? | pred | 60 30",
        "barrier | cta red popc aligned? | u32 | 78 30",
        "barrier | cta red and/or aligned? | pred | 78 30",
        "shfl | sync up/down/bfly/idx | b32 | 60 30",
        "vote | sync ballot | b32 | 60 30",
        "vote | sync all/any/uni | pred | 60 30",
        "match | sync any/all | b32 | 60 70",
        "redux | sync add/min/max | u32 s32 | 70 80",
        "redux | sync and/or/xor | b32 | 70 80",
        "activemask | | b32 | 62 30",
        "mma | sync aligned m16n8k4/m16n8k8 row col | f32:tf32:tf32:f32 | 70 80",
        "mma | sync aligned m16n8k8/m16n8k16 row col | f32:bf16:bf16:f32 | 70 80",
        "mma | sync aligned m16n8k8 row col | f32:f16:f16:f32 | 65 75",
        "mma | sync aligned m16n8k16 row col | f32:f16:f16:f32 | 70 80",
        "ldmatrix | sync aligned m8n8 x1/x2/x4 trans? shared? | b16 | 65 75",
        "nanosleep | | u32 | 62 70",
        "bra ret | uni? | -",
        "exit trap | | -",
    ];

    private static readonly Dictionary<string, string[]> s_classes = new(StringComparer.Ordinal)
    {
        ["int"] = ["s16", "u16", "s32", "u32", "s64", "u64"],
        ["any"] = ["s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64"],
        ["bits"] = ["b16", "b32", "b64"],
        ["memory"] =
        [
            "b8",
            "b16",
            "b32",
            "b64",
            "s8",
            "u8",
            "s16",
            "u16",
            "s32",
            "u32",
            "s64",
            "u64",
            "f32",
            "f64",
        ],
    };

    // Modifiers that are younger than the instructions that take them.
    private static readonly Dictionary<string, (int Version, int Capability)> s_modifiers = new(
        StringComparer.Ordinal
    )
    {
        ["nc"] = (31, 32),
        ["weak"] = (60, 70),
        ["relaxed"] = (60, 70),
        ["acquire"] = (60, 70),
        ["release"] = (60, 70),
        ["acq_rel"] = (60, 70),
        ["sc"] = (60, 70),
        ["cluster"] = (78, 90),
    };

    private static readonly ILookup<string, Form> s_forms = s_texts
        .SelectMany(Form.Read)
        .ToLookup(form => form.Opcode, StringComparer.Ordinal);

    /// <summary>What is wrong with an instruction's name, as the end of a sentence; null where nothing is.</summary>
    public static string? Fault(PtxInstruction instruction, PtxTarget target)
    {
        string? lacks = null;
        foreach (Form form in s_forms[instruction.Opcode])
        {
            if (!form.Is(instruction))
                continue;
            lacks = target.Lacks(form.Version, form.Capability);
            if (lacks is null)
                return instruction
                    .Modifiers.Select(m => Lacks(m, instruction, target))
                    .FirstOrDefault(l => l is not null);
        }
        return lacks ?? "is not supported";
    }

    private static string? Lacks(string modifier, PtxInstruction instruction, PtxTarget target)
    {
        (int version, int capability) =
            s_modifiers.TryGetValue(modifier, out var needs) ? needs
            : modifier.StartsWith("L1::", StringComparison.Ordinal) ? (74, 70)
            : modifier.StartsWith("L2::", StringComparison.Ordinal) ? (74, 75)
            : modifier is "cta" or "gpu" or "sys" && instruction.Opcode is "atom" or "red"
                ? (50, 60)
            : (0, 0);
        return target.Lacks(version, capability) is { } lacks ? $".{modifier} {lacks}" : null;
    }

    private sealed record Group(string[] Names, bool Optional, bool First);

    private sealed record Form(
        string Opcode,
        Group[] Groups,
        HashSet<(PtxType, PtxType, PtxType, PtxType)> Types,
        int Version,
        int Capability
    )
    {
        public static IEnumerable<Form> Read(string text)
        {
            string[] parts = text.Split('|', StringSplitOptions.TrimEntries);
            Group[] groups =
            [
                .. Words(parts[1])
                    .Select(g => new Group(
                        g.Trim('^', '?').Split('/'),
                        g.EndsWith('?'),
                        g.StartsWith('^')
                    )),
            ];
            HashSet<(PtxType, PtxType, PtxType, PtxType)> types =
            [
                .. Words(parts[2]).SelectMany(TypesOf),
            ];
            int[] since = parts.Length > 3 ? [.. Words(parts[3]).Select(int.Parse)] : [0, 0];
            return Words(parts[0])
                .Select(opcode => new Form(opcode, groups, types, since[0], since[1]));
        }

        public bool Is(PtxInstruction instruction)
        {
            PtxType[] types = instruction.Types;
            if (types.Length > 4 || !Types.Contains((Type(0), Type(1), Type(2), Type(3))))
                return false;
            int used = 0;
            foreach (string modifier in instruction.Modifiers)
            {
                int group = Array.FindIndex(Groups, g => Array.IndexOf(g.Names, modifier) >= 0);
                if (group < 0 || (used & (1 << group)) != 0)
                    return false;
                if (Groups[group].First && !Follows(instruction, modifier))
                    return false;
                used |= 1 << group;
            }
            for (int i = 0; i < Groups.Length; i++)
                if (!Groups[i].Optional && (used & (1 << i)) == 0)
                    return false;
            return true;

            PtxType Type(int index) => index < types.Length ? types[index] : PtxType.None;
        }

        private static bool Follows(PtxInstruction instruction, string modifier) =>
            instruction.Name.StartsWith(
                $"{instruction.Opcode}.{modifier}",
                StringComparison.Ordinal
            );

        private static IEnumerable<(PtxType, PtxType, PtxType, PtxType)> TypesOf(string text)
        {
            string[] sides = text.Split(':');
            return from first in One(0)
                from second in One(1)
                from third in One(2)
                from fourth in One(3)
                select (first, second, third, fourth);

            IEnumerable<PtxType> One(int index) =>
                index < sides.Length ? Named(sides[index]) : [PtxType.None];

            static IEnumerable<PtxType> Named(string name) =>
                name == "-" ? [PtxType.None]
                : s_classes.TryGetValue(name, out string[]? names) ? names.Select(PtxTypes.Parse)
                : [PtxTypes.Parse(name)];
        }

        private static string[] Words(string text) =>
            text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }
}
