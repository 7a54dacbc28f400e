using NUnit.Framework;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.Tests.Kernels;

/// <summary>
/// Instructions with matrices and narrow floats: the virtual GPU takes each form from the version and target on from which ptxas takes
/// it, and refuses it before, as a driver's compiler does. Skipped where the machine has no ptxas; what 11.8 said of them is in
/// verdicts.txt as well.
/// </summary>
[TestFixture]
public sealed class PtxasFormTests
{
    private const string Registers =
        ".reg .b32 %r<9>; .reg .f32 %f<9>; .reg .b16 %h<9>; .reg .b64 %x<9>; .reg .f16x2 %g<9>;\n";

    private const string Sum = "{%f0, %f1, %f2, %f3}";
    private const string Four = "{%r0, %r1, %r2, %r3}, {%r4, %r5}, " + Sum;
    private const string Two = "{%r0, %r1}, {%r2}, " + Sum;

    private static readonly string[] Forms =
    [
        $"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {Sum}, {Four};",
        $"mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32 {Sum}, {Two};",
        $"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {Sum}, {Four};",
        $"mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {Sum}, {Two};",
        $"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {Sum}, {Four};",
        $"mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {Sum}, {Two};",
        $"mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {Sum}, {{%g0, %g1}}, {{%g2}}, {Sum};",
        $"mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {Sum}, {{%g0, %g1}}, {{%g2}}, {Sum};",
        $"mma.sync.aligned.m16n8k8.col.row.f32.bf16.bf16.f32 {Sum}, {Two};",
        $"mma.sync.aligned.m16n8k16.row.col.f32.tf32.tf32.f32 {Sum}, {Four};",
        "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r0}, [%r7];",
        "ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r0, %r1}, [%r7+32];",
        "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r0, %r1, %r2, %r3}, [%x7];",
        "ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%r0}, [%r7];",
        "ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%r0, %r1}, [%r7];",
        "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%r0, %r1, %r2, %r3}, [%r7];",
        "ldmatrix.sync.aligned.m8n8.x4.b16 {%r0, %r1, %r2, %r3}, [%x7];",
        "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r0, %r1}, [%r7];",
        "cvt.rna.tf32.f32 %r0, %f1;",
        "cvt.rn.tf32.f32 %r0, %f1;",
        "cvt.rz.tf32.f32 %r0, %f1;",
        "cvt.rna.satfinite.tf32.f32 %r0, %f1;",
        .. from rounding in (string[])["rn", "rz"]
        from relu in (string[])["", ".relu"]
        from form in (string[])
            [
                "bf16.f32 %h0, %f1",
                "f16.f32 %h0, %f1",
                "bf16x2.f32 %r0, %f1, %f2",
                "f16x2.f32 %r0, %f1, %f2",
            ]
        select $"cvt.{rounding}{relu}.{form};",
        "cvt.rn.satfinite.f16x2.f32 %r0, %f1, %f2;",
        "cvt.f32.bf16 %f0, %h1;",
        "cvt.f32.f16 %f0, %h1;",
        "cp.async.ca.shared.global [%r0], [%x0], 4;",
        "cp.async.cg.shared.global [%r0], [%x0], 16;",
        "redux.sync.add.u32 %r0, %r1, -1;",
        "shfl.sync.idx.b32 %r0, %r1, 3, 31, -1;",
        "barrier.sync 1, 64;",
        "bar.sync %r1, %r2;",
        "ld.shared.v4.f32 {%f0, %f1, %f2, %f3}, [%r0];",
        "st.shared.v4.b32 [%r0], {%r1, %r2, %r3, %r4};",
        "ld.global.nc.v4.f32 {%f0, %f1, %f2, %f3}, [%x0];",
    ];

    // Each with the version that first has it, and each with the newest.
    private static readonly (string Version, int Target)[] s_targets =
    [
        ("6.4", 75),
        ("6.5", 75),
        ("7.8", 75),
        ("7.0", 80),
        ("7.1", 80),
        ("7.8", 80),
        ("7.8", 86),
        ("7.8", 89),
        ("7.8", 90),
    ];

    private Ptxas? _ptxas;

    [OneTimeSetUp]
    public void Find() => _ptxas = Ptxas.Find();

    [TestCaseSource(nameof(Forms))]
    public void Begins_where_ptxas_says(string form)
    {
        if (_ptxas is null)
            Assert.Ignore("no ptxas");
        Assert.Multiple(() =>
        {
            foreach ((string version, int target) in s_targets)
            {
                string ptx =
                    $".version {version}\n.target sm_{target}\n.address_size 64\n"
                    + $".visible .entry k()\n{{\n{Registers}{form}\nret;\n}}\n";
                PtxasOutput output = _ptxas!.Assemble(ptx, target);
                Assert.That(output.Unread, Is.Null);
                bool assembles = !output.Diagnostics.Any(d =>
                    d.Contains("error", StringComparison.Ordinal)
                );
                Assert.That(
                    Takes(ptx, out string refusal),
                    Is.EqualTo(assembles),
                    $"{version} sm_{target}: {refusal} {string.Join(' ', output.Diagnostics)}"
                );
            }
        });
    }

    private static bool Takes(string ptx, out string refusal)
    {
        refusal = "";
        try
        {
            PtxModule.Parse(ptx);
            return true;
        }
        catch (PtxException e)
        {
            refusal = e.Message;
            return false;
        }
    }
}
