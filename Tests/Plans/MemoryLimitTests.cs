using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Plans;

/// <summary>Plans beyond the machine's memory: they are refused with a table of what they need, and change nothing.</summary>
public sealed class MemoryLimitTests
{
    private Backend _backend = null!;

    [SetUp]
    public void Begin() => _backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });

    [TearDown]
    public void End() => _backend.Dispose();

    [Test]
    public void Free_memory_is_what_is_left()
    {
        long free = _backend.FreeBytes!.Value;
        using (Storage taken = _backend.Allocate(1000, MemoryCategory.Workspace))
            Assert.That(_backend.FreeBytes, Is.EqualTo(free - _backend.BytesOf(1000)));
        Assert.That(_backend.FreeBytes, Is.EqualTo(free));
    }

    [Test]
    public void A_plan_beyond_the_machine_is_refused_with_a_table_and_takes_nothing()
    {
        // 2^39 rows of two values: 4 TiB, thrice.
        using var model = new Linear(2, 2);
        long most = _backend.Memory.PeakBytes;

        DeviceMemoryException error = Assert.Throws<DeviceMemoryException>(() =>
            model.Plan(_backend, 1 << 20, 1 << 19, Mode.Training)
        )!;

        MemoryTable table = error.Table!;
        Assert.That(table.WantedBytes, Is.GreaterThan(table.FreeBytes!.Value));
        MemoryRow activations = table.Rows.Single(r => r.Category == MemoryCategory.Activations);
        Assert.That(activations.WantedBytes, Is.EqualTo(4L << 40));
        Assert.That(error.Message, Does.Contain("1,048,576 steps of 524,288 sequences"));
        Assert.That(_backend.Memory.CurrentBytes, Is.Zero);
        Assert.That(_backend.Memory.PeakBytes - most, Is.LessThan(4096));
        Assert.That(model.Store, Is.Null);
    }

    [Test]
    public void A_refused_plan_leaves_parameters_that_were_there()
    {
        using var model = new Linear(2, 2);
        model.Initialize(_backend);
        long before = _backend.Memory.CurrentBytes;

        Assert.That(
            () => model.Plan(_backend, 1 << 20, 1 << 19, Mode.Training),
            Throws.TypeOf<DeviceMemoryException>()
        );

        Assert.That(_backend.Memory.CurrentBytes, Is.EqualTo(before));
        Assert.That(model.Store, Is.Not.Null);
    }

    [Test]
    public void A_table_has_a_row_for_what_there_is()
    {
        using Storage parameters = _backend.Allocate(256, MemoryCategory.Parameters);
        var wanted = new Dictionary<MemoryCategory, long>
        {
            [MemoryCategory.Activations] = 3_000_000,
            [MemoryCategory.Parameters] = 976,
        };

        Assert.That(
            new MemoryTable(_backend.Memory, wanted, 2_000_000).ToString(),
            Is.EqualTo(
                """
                  bytes                      taken              wanted   share
                  parameters                 1,024                 976    0.1%
                  activations                    0           3,000,000   99.9%
                  sum                        1,024           3,000,976  100.0%
                  free                   2,000,000
                """.ReplaceLineEndings("\n")
            )
        );
        Assert.That(
            new MemoryTable(_backend.Memory, wanted, null).ToString(),
            Does.EndWith("not known")
        );
    }
}
