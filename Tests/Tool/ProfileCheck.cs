using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Sequor.Tests.Tool;

/// <summary>What holds of every report of <c>sequor profile</c>.</summary>
internal static class ProfileCheck
{
    private static readonly string[] Passes =
    [
        "forward",
        "loss",
        "backward",
        "update",
        "copy",
        "other",
    ];

    /// <summary>Fails unless the first result is of an architecture and its rows add up.</summary>
    public static void Require(JsonNode report, string device, string arch)
    {
        Assert.That((string)report["schema"]!, Is.EqualTo("sequor.profile/1"));
        Assert.That((string)report["status"]!, Is.EqualTo("finished"));
        Assert.That((double)report["peaks"]!["copy_bytes_per_s"]!, Is.Positive);
        Assert.That((double)report["peaks"]!["product_flops_per_s"]!, Is.Positive);
        JsonNode result = report["results"]![0]!;
        Assert.That((string)result["arch"]!, Is.EqualTo(arch));
        Assert.That((string)result["device"]!, Is.EqualTo(device));

        JsonNode[] rows = [.. result["layers"]!.AsArray().Select(row => row!)];
        // As decimals, as they stand in the file.
        Assert.That(
            rows.Sum(row => (decimal)row["ms"]!),
            Is.EqualTo((decimal)result["profiled_ms"]!),
            "times"
        );
        Assert.That(
            rows.Sum(row => (long)row["bytes_held"]!),
            Is.EqualTo((long)result["held_bytes"]!),
            "bytes held"
        );
        Assert.That(
            result["memory_bytes"]!.AsObject().Sum(pair => (long)pair.Value!),
            Is.EqualTo((long)result["peak_bytes"]!)
        );
        Assert.That((long)result["held_bytes"]!, Is.AtMost((long)result["peak_bytes"]!));
        RequireMedians(result);
        foreach (JsonNode row in rows)
            RequireSane(row);
        foreach (string pass in (string[])["forward", "loss", "backward", "update", "copy"])
            Assert.That(rows.Select(row => (string)row["pass"]!), Does.Contain(pass));
        Assert.That(
            rows.Select(row =>
                    (
                        (string)row["name"]!,
                        (string)row["operation"]!,
                        (string)row["pass"]!,
                        (string)row["shapes"]!
                    )
                )
                .Distinct()
                .Count(),
            Is.EqualTo(rows.Length),
            "a row is there twice"
        );
        RequirePeak(result["peak"]!);
        Assert.That((long)result["peak"]!["bytes"]!, Is.AtMost((long)result["held_bytes"]!));
    }

    private static void RequireMedians(JsonNode result)
    {
        double[] plain = [.. result["samples_ms"]!.AsArray().Select(s => (double)s!)];
        double[] with = [.. result["profiled_samples_ms"]!.AsArray().Select(s => (double)s!)];
        Assert.That(plain, Is.All.Positive);
        Assert.That(with, Has.Length.EqualTo(plain.Length).And.All.Positive);
        double told = (double)result["profiled_ms"]!;
        Assert.That(with.Select(s => Math.Abs(s - told)).Min(), Is.LessThan(1e-4));
        double median = Sequor.Workloads.Statistics.Median(plain);
        Assert.That((double)result["step_ms"]!["median"]!, Is.EqualTo(median).Within(1e-4));
        Assert.That(
            Math.Abs(told - median),
            Is.AtMost(with.Min(s => Math.Abs(s - median)) + 2e-4),
            "the nearest of them"
        );
        double overhead = (Sequor.Workloads.Statistics.Median(with) / median) - 1;
        Assert.That((double)result["overhead"]!, Is.EqualTo(overhead).Within(0.02));
    }

    private static void RequireSane(JsonNode row)
    {
        string name = row.ToJsonString();
        Assert.That((string)row["name"]!, Is.Not.Empty, name);
        Assert.That((string)row["operation"]!, Is.Not.Empty, name);
        Assert.That((string)row["pass"]!, Is.AnyOf(Passes), name);
        Assert.That((double)row["ms"]!, Is.Not.Negative, name);
        foreach (string key in (string[])["bytes_moved", "flops", "launches", "floor_ms"])
        {
            if (row[key] is { } value)
                Assert.That((double)value, Is.Not.Negative, name);
        }
        Assert.That(
            row["floor_ms"] is null,
            Is.EqualTo(row["bytes_moved"] is null && row["flops"] is null),
            name
        );
        Assert.That((long)row["bytes_held"]!, Is.Not.Negative, name);
    }

    private static void RequirePeak(JsonNode peak)
    {
        long[] owners = [.. peak["owners"]!.AsArray().Select(owner => (long)owner!["bytes"]!)];
        Assert.That(owners, Is.Ordered.Descending.And.All.Positive);
        Assert.That(owners.Sum(), Is.EqualTo((long)peak["bytes"]!));
    }
}
