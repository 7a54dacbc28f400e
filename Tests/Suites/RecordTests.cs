using NUnit.Framework;
using Sequor.BenchmarkDotNet;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Suites;

/// <summary>What crosses from a benchmark's process, whole and damaged, and the columns that it fills.</summary>
[TestFixture]
public sealed class RecordTests : FolderTest
{
    private static readonly DiagnosticsRecord Least = new()
    {
        Device = "cpu",
        Threads = 2,
        VectorBits = 256,
        DeviceMs = 4,
        PeakBytes = new Dictionary<MemoryCategory, long> { [MemoryCategory.Workspace] = 1 << 20 },
    };

    private static readonly DiagnosticsRecord All = Least with
    {
        Device = "cuda:0",
        Gpu = new("GPU", "9.0", 1 << 30, "1", "12.4", "9.6.0", "12.5", "fp32", "cudnn"),
        BytesMoved = 3 << 20,
        BytesUnknown = 1,
        Flops = 5e6,
        Launches = 7,
        FloorMs = 1,
        Peaks = new PeaksReport(1, 2, 3, 4),
    };

    [Test]
    public void A_record_comes_back_from_its_file_as_it_was()
    {
        foreach (DiagnosticsRecord record in (DiagnosticsRecord[])[Least, All])
        {
            record.WriteTo(PathOf("record"));
            DiagnosticsRecord read = DiagnosticsRecord.Read(PathOf("record"))!;
            Assert.That(read.PeakBytes, Is.EqualTo(record.PeakBytes));
            Assert.That(read with { PeakBytes = record.PeakBytes }, Is.EqualTo(record));
        }
        Assert.That(DiagnosticsRecord.Read(PathOf("none")), Is.Null);
    }

    [TestCase("")]
    [TestCase("null")]
    [TestCase("{}")]
    [TestCase("{\"device\":\"cpu\",\"threads\":2,\"vector_bits\":256,\"device_ms\":4")]
    public void A_damaged_file_is_told_with_its_name(string text)
    {
        File.WriteAllText(PathOf("damaged"), text);
        Assert.That(
            () => DiagnosticsRecord.Read(PathOf("damaged")),
            Throws.InstanceOf<InvalidDataException>().With.Message.Contains(PathOf("damaged"))
        );
    }

    [Test]
    public void What_is_not_known_has_no_cell()
    {
        Assert.That(
            SequorMetric.Of(Least).Select(metric => metric.Descriptor.DisplayName),
            Is.EqualTo(new[] { "Device Time", "Peak MiB", "Workspace MiB" })
        );
        Assert.That(
            SequorMetric.Of(All).Select(metric => (metric.Descriptor.DisplayName, metric.Value)),
            Is.EqualTo(
                new[]
                {
                    ("Device Time", 4e6),
                    ("Of Floor", 25.0),
                    ("Launches", 7.0),
                    ("Moved MiB", 3.0),
                    ("MFLOP", 5.0),
                    ("Peak MiB", 1.0),
                    ("Workspace MiB", 1.0),
                }
            )
        );
    }

    [Test]
    public void A_report_without_a_diagnoser_runs_nothing_and_a_wrong_one_is_refused()
    {
        using var backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        SequorDiagnostics.Report(backend, () => Assert.Fail("It ran."));
        Assert.That(
            () =>
                SequorDiagnostics.Report(
                    backend,
                    () => { },
                    new ReportOptions { OperationsPerInvoke = 0 }
                ),
            Throws.InstanceOf<ArgumentOutOfRangeException>()
        );
        Assert.That(
            () => SequorDiagnostics.Report((Plan)null!, () => { }),
            Throws.ArgumentNullException
        );
    }

    [Test]
    public void Work_of_several_operations_is_told_by_one_and_what_comes_before_is_not_counted()
    {
        using var backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using var model = new Linear(2, 3);
        using Plan plan = model.Plan(backend, 2, 2, Mode.Evaluation);
        Tensor input = plan.Input(2, 2);
        input.Write(new float[8]);
        void Forward() => plan.Forward(input);
        var once = WorkCost.Of(backend, Forward);
        long peak = backend.Memory.PeakBytes;
        int before = 0;
        DiagnosticsRecord record = SequorDiagnostics.Measure(
            backend,
            () =>
            {
                Forward();
                Forward();
            },
            new ReportOptions
            {
                OperationsPerInvoke = 2,
                Before = () =>
                {
                    before++;
                    Forward();
                },
            }
        );
        Assert.That(once.BytesMoved, Is.Positive);
        Assert.That(record.BytesMoved, Is.EqualTo(once.BytesMoved));
        Assert.That(record.Flops, Is.EqualTo(once.Flops));
        Assert.That(record.Launches, Is.Null, "a CPU launches nothing");
        // The arrays that peaks are measured with are no memory of the work.
        Assert.That(record.PeakBytes.Values.Sum(), Is.EqualTo(peak));
        Assert.That(before, Is.GreaterThanOrEqualTo(4));
    }
}
