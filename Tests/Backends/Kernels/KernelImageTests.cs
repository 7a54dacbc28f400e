using System.Reflection;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Sequor.Native.Kernels;

namespace Sequor.Tests.Kernels;

/// <summary>
/// The PTX shipped with the library: made from the sources as they are, for the oldest GPUs, and naming no machine's folders.
/// </summary>
[TestFixture]
public sealed partial class KernelImageTests
{
    private const string Prefix = "kernels/";

    [Test]
    public void Every_source_has_its_ptx() =>
        Assert.That(
            KernelImages.Names,
            Is.EqualTo(Sources(".cu").Select(name => name[..^".cu".Length]))
        );

    [Test]
    public void The_ptx_is_made_from_the_sources_as_they_are()
    {
        byte[] headers = [.. Sources(".cuh").SelectMany(Bytes)];
        foreach (string name in KernelImages.Names)
        {
            byte[] source = [.. headers, .. Bytes($"{name}.cu")];
            string digest = Convert.ToHexStringLower(SHA256.HashData(source));
            Assert.That(
                KernelImages.Ptx(name).Split('\n')[0],
                Does.EndWith($": {digest}"),
                $"{name}.ptx is not up to date; ./build.sh kernels makes it"
            );
        }
    }

    [Test]
    public void The_ptx_is_for_the_oldest_gpus_and_drivers_and_calls_nothing()
    {
        foreach (string name in KernelImages.Names)
        {
            string ptx = KernelImages.Ptx(name);
            Assert.That(
                ptx,
                Does.Contain("\n.version 7.8\n.target sm_75\n.address_size 64\n")
                    .And.Not.Match(@"\.extern (?!\.shared )")
                    .And.Not.Contain(".func"),
                name
            );
        }
    }

    [Test]
    public void The_ptx_names_its_sources_and_no_place_of_a_machine()
    {
        foreach (string name in KernelImages.Names)
        {
            string[] files =
            [
                .. FileLine().Matches(KernelImages.Ptx(name)).Select(m => m.Groups[1].Value),
            ];
            Assert.That(files, Does.Contain($"Native/Kernels/{name}.cu"));
            Assert.That(files, Is.All.Match(@"^Native/Kernels/[a-z_]+\.cuh?$"));
            Assert.That(KernelImages.Ptx(name), Does.Not.Contain("/home/").And.Not.Contain("/tmp"));
        }
    }

    [Test]
    public void A_kernel_is_found_by_its_name()
    {
        Assert.That(KernelImages.ModuleOf("gelu_gradient"), Is.EqualTo("gates"));
        Assert.That(
            KernelImages.AllKernels.Count(),
            Is.EqualTo(KernelImages.Names.Sum(n => Entry().Count(KernelImages.Ptx(n))))
        );
        Assert.That(
            () => KernelImages.ModuleOf("gelu_gradien"),
            Throws.ArgumentException.With.Message.Contain("'gelu_gradien'")
        );
        Assert.That(
            () => KernelImages.Ptx("scan"),
            Throws.ArgumentException.With.Message.Contain(
                "scan_chunked, scan_chunked_resets, scan_wide"
            )
        );
    }

    private static IEnumerable<string> Sources(string ending) =>
        Assembly
            .GetExecutingAssembly()
            .GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .Where(name => name.EndsWith(ending, StringComparison.Ordinal))
            .Select(name => name[Prefix.Length..])
            .Order(StringComparer.Ordinal);

    private static byte[] Bytes(string name)
    {
        using Stream stream = Assembly
            .GetExecutingAssembly()
            .GetManifestResourceStream(Prefix + name)!;
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    [GeneratedRegex(@"^\s*\.file\s+\d+ ""(.*)""$", RegexOptions.Multiline)]
    private static partial Regex FileLine();

    [GeneratedRegex(@"^\.visible \.entry ", RegexOptions.Multiline)]
    private static partial Regex Entry();
}
