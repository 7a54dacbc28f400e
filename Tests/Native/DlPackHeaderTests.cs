using System.Diagnostics;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Sequor.Native;
using Sequor.Native.Generator;
using Sequor.Tests.Support;

namespace Sequor.Tests.Native;

/// <summary>
/// DLPack's structs and numbers: as they are expected here, and as the published header has them, where the machine has one
/// (dlpack/dlpack.h, of Debian's libdlpack-dev, or below the folder that SEQUOR_DLPACK_INCLUDE names) and a C compiler.
/// </summary>
[TestFixture]
public sealed unsafe partial class DlPackHeaderTests : FolderTest
{
    private const string Variable = "SEQUOR_DLPACK_INCLUDE";

    [Test]
    public void Structs_lie_as_version_1_1_has_them()
    {
        Assert.Multiple(() =>
        {
            Assert.That(sizeof(DLDevice), Is.EqualTo(8));
            Assert.That(sizeof(DLDataType), Is.EqualTo(4));
            Assert.That(sizeof(DLPackVersion), Is.EqualTo(8));
            DLTensor tensor;
            Assert.That(sizeof(DLTensor), Is.EqualTo(48));
            Assert.That(Offset(&tensor, &tensor.data), Is.Zero);
            Assert.That(Offset(&tensor, &tensor.device), Is.EqualTo(8));
            Assert.That(Offset(&tensor, &tensor.ndim), Is.EqualTo(16));
            Assert.That(Offset(&tensor, &tensor.dtype), Is.EqualTo(20));
            Assert.That(Offset(&tensor, &tensor.shape), Is.EqualTo(24));
            Assert.That(Offset(&tensor, &tensor.strides), Is.EqualTo(32));
            Assert.That(Offset(&tensor, &tensor.byte_offset), Is.EqualTo(40));
            DLManagedTensor plain;
            Assert.That(sizeof(DLManagedTensor), Is.EqualTo(64));
            Assert.That(Offset(&plain, &plain.dl_tensor), Is.Zero);
            Assert.That(Offset(&plain, &plain.manager_ctx), Is.EqualTo(48));
            Assert.That(Offset(&plain, &plain.deleter), Is.EqualTo(56));
            DLManagedTensorVersioned versioned;
            Assert.That(sizeof(DLManagedTensorVersioned), Is.EqualTo(80));
            Assert.That(Offset(&versioned, &versioned.version), Is.Zero);
            Assert.That(Offset(&versioned, &versioned.manager_ctx), Is.EqualTo(8));
            Assert.That(Offset(&versioned, &versioned.deleter), Is.EqualTo(16));
            Assert.That(Offset(&versioned, &versioned.flags), Is.EqualTo(24));
            Assert.That(Offset(&versioned, &versioned.dl_tensor), Is.EqualTo(32));
        });
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "a shell's script and a C compiler")]
    public void The_published_header_has_the_same()
    {
        string? folder = Environment.GetEnvironmentVariable(Variable);
        string include = folder is null ? "" : "-I \"$INCLUDE\"";
        File.WriteAllText(PathOf("header.c"), "#include <dlpack/dlpack.h>\n");
        (int found, string text) = Compile($"{include} -E -dD header.c", folder);
        if (found == 127)
            Assert.Ignore("there is no C compiler: none of cc, gcc, clang, clang-19");
        if (found != 0)
            Assert.Ignore(
                $"there is no dlpack/dlpack.h: Debian's libdlpack-dev has one, or {Variable} names the folder that it is below"
            );
        IReadOnlyList<FactsFile> facts = Known(text);
        File.WriteAllText(PathOf("probe.c"), ProbeWriter.Write(facts));
        (int compiled, string said) = Compile($"{include} -o probe probe.c", folder);
        Assert.That(compiled, Is.Zero, said);
        (int ran, string told) = Shell("./probe", null);
        int count = facts.Sum(file => file.Facts.Count);
        Assert.That(told, Is.EqualTo($"{count} declarations, 0 differences\n"));
        Assert.That(ran, Is.Zero);
        // DLDevice, DLDeviceType, DLDataType, DLDataTypeCode, DLTensor, DLManagedTensor are in every version.
        Assert.That(count, Is.GreaterThanOrEqualTo(6));
        TestContext.Out.WriteLine($"compared with the header: {count} declarations");
    }

    // Headers before 1.1 lack some structs, flags and codes, and later ones have a higher minor version, which is no difference.
    private static IReadOnlyList<FactsFile> Known(string header)
    {
        HashSet<string> words = [.. Word().Matches(header).Select(m => m.Value)];
        bool whole = words.Contains(
            nameof(DlPackConstants.DLPACK_FLAG_BITMASK_IS_SUBBYTE_TYPE_PADDED)
        );
        return
        [
            .. Tables
                .Files.Where(file => file.Header == "dlpack/dlpack.h")
                .Select(file =>
                    file with
                    {
                        Facts =
                        [
                            .. file
                                .Facts.Where(fact =>
                                    fact.Name != nameof(DlPackConstants.DLPACK_MINOR_VERSION)
                                    && (whole || words.Contains(fact.Name))
                                )
                                .Select(fact =>
                                    fact is EnumFact values && !whole
                                        ? values with
                                        {
                                            Values =
                                            [
                                                .. values.Values.Where(v => words.Contains(v.Name)),
                                            ],
                                        }
                                        : fact
                                ),
                        ],
                    }
                ),
        ];
    }

    private (int Status, string Output) Compile(string arguments, string? include) =>
        Shell(
            $"for c in cc gcc clang clang-19; do command -v $c > compiler && exec $c {arguments}; done; exit 127",
            include
        );

    private (int Status, string Output) Shell(string script, string? include)
    {
        var start = new ProcessStartInfo("sh", ["-c", $"({script}) 2>&1"])
        {
            WorkingDirectory = Folder,
            RedirectStandardOutput = true,
        };
        start.Environment["INCLUDE"] = include ?? "";
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }

    private static long Offset(void* from, void* to) => (byte*)to - (byte*)from;

    [GeneratedRegex(@"\b[A-Za-z_]\w*\b")]
    private static partial Regex Word();
}
