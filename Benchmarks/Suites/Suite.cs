using BenchmarkDotNet.Attributes;
using Sequor.BenchmarkDotNet;
using Sequor.Layers;

namespace Sequor.Suites;

/// <summary>
/// What all suites have: a backend, what was made on it, the work that a benchmark queues, and the report of it at the end. A benchmark is
/// its work and the wait for it.
/// </summary>
[SequorDiagnoser]
public abstract class Suite : IDisposable
{
    private readonly Stack<IDisposable> _owned = new();
    private Action? _work;
    private ReportOptions? _options;
    private Backend? _backend;

    /// <summary>The backend; made when it is asked for.</summary>
    protected Backend Backend => _backend ??= Own(SuiteDevice.Create());

    /// <summary>Takes another backend than the usual one, before anything is made on that.</summary>
    protected void Use(Backend backend) => _backend = Own(backend);

    /// <summary>Says what the benchmark queues, and what comes before it each time.</summary>
    protected void Measure(Action work, ReportOptions? options = null) =>
        (_work, _options) = (work, options);

    /// <summary>Queues the work and waits for it.</summary>
    protected void Run()
    {
        _work!();
        Backend.Synchronize();
    }

    /// <summary>Runs what has to come before the work, and waits for it.</summary>
    protected void RunBefore()
    {
        _options!.Before!();
        Backend.Synchronize();
    }

    /// <summary>Has something disposed at the end, the last one first.</summary>
    protected T Own<T>(T made)
        where T : IDisposable
    {
        _owned.Push(made);
        return made;
    }

    /// <summary>A tensor of its own with numbers between -1 and 1.</summary>
    protected Tensor Draw(Shape shape, ulong seed)
    {
        Tensor tensor = Take(shape);
        tensor.Write(Numbers(shape.Count, seed));
        return tensor;
    }

    /// <summary>A tensor of its own, of zeros.</summary>
    protected Tensor Take(Shape shape)
    {
        Tensor tensor = Own(Backend.Allocate(shape.Count, MemoryCategory.InputOutput)).View(shape);
        Backend.Fill(tensor, 0f);
        return tensor;
    }

    /// <summary>Numbers between -1 and 1.</summary>
    protected static float[] Numbers(long count, ulong seed)
    {
        var random = new Philox(seed, stream: 0);
        var values = new float[count];
        for (long i = 0; i < count; i++)
            values[i] = random.NextFloat(-1f, 1f);
        return values;
    }

    /// <summary>Whole numbers from 0, below a number of classes.</summary>
    protected static float[] Classes(long count, int classes, ulong seed)
    {
        var random = new Philox(seed, stream: 0);
        var values = new float[count];
        for (long i = 0; i < count; i++)
            values[i] = random.Next(classes);
        return values;
    }

    /// <summary>Reports what the work takes, and gives everything back.</summary>
    [GlobalCleanup]
    public void CleanUp()
    {
        if (_work is { } work)
            SequorDiagnostics.Report(Backend, work, _options);
        Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives everything back.</summary>
    protected virtual void Dispose(bool disposing)
    {
        while (disposing && _owned.TryPop(out IDisposable? owned))
            owned.Dispose();
        (_backend, _work, _options) = (null, null, null);
    }
}
