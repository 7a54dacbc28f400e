using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Tool;

/// <summary>--vector-bits: vectors of a width that is asked for, whatever the processor has, and what is counted with them.</summary>
[TestFixture]
[NonParallelizable]
public sealed class VectorBitsTests : FolderTest
{
    private const string Tiny = "bench --device cpu --arch rnn --length 10 --batch 2 --hidden 8";

    [TestCase(128)]
    [TestCase(256)]
    [TestCase(512)]
    public void The_width_is_that_of_the_backend_and_of_the_report(int bits)
    {
        string json = PathOf("bench.json");
        ProgramResult result = InProcess.Run(
            $"{Tiny} --threads 1 --steps 1 --warmup 1 --vector-bits {bits} --json {json}"
        );
        result.RequireSuccess();
        Assert.That(result.Output, Does.Contain($"CPU, 1 thread, {bits}-bit vectors, "));
        JsonNode report = JsonNode.Parse(File.ReadAllBytes(json))!;
        Assert.That((int)report["machine"]!["vector_bits"]!, Is.EqualTo(bits));
    }

    [TestCase("--vector-bits 100", "'100'")]
    [TestCase("--vector-bits 0", "'0'")]
    [TestCase("--vector-bits", "--vector-bits")]
    [TestCase("--device cuda --vector-bits 256", "--vector-bits 256 is for a CPU")]
    [TestCase("--device cuda --threads 3", "--threads 3 is for a CPU")]
    public void Another_width_and_a_gpu_are_wrong_usage(string options, string message) =>
        InProcess.Run($"bench --arch rnn {options}".Split(' ')).RequireFailure(2, message);

    // A GPU's memory is laid out alike whatever its host is.
    [TestCase("\"gpu\":{\"name\":\"A\",\"arithmetic\":\"fp32\"},", "cuda:0", 0)]
    [TestCase("", "cpu", 2)]
    public void Counts_depend_on_the_width_where_a_cpu_computes(string gpu, string device, int code)
    {
        foreach (int bits in (int[])[256, 512])
            File.WriteAllText(
                PathOf($"{bits}.json"),
                $$"""
                {"schema":"sequor.bench/1","task":"adding","threads":1,{{gpu}}"machine":{"vector_bits":{{bits}}},
                 "results":[{"arch":"rnn","device":"{{device}}","length":10,"batch":2,"peak_bytes":64}]}
                """
            );
        ProgramResult result = InProcess.Run(
            "compare --counts",
            PathOf("256.json"),
            PathOf("512.json")
        );
        Assert.That(result.ExitCode, Is.EqualTo(code), result.Error);
        Assert.That(result.Output + result.Error, Does.Contain("vector width (256; 512)"));
    }
}
