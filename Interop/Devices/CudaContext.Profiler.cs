namespace Sequor.Interop;

// Tells a profiler what to record.
public sealed unsafe partial class CudaContext
{
    /// <summary>
    /// Lets a profiler that waits for it record from here on (cuProfilerStart): <c>nsys profile --capture-range=cudaProfilerApi</c>, or
    /// <c>ncu --profile-from-start off</c>. Does nothing where there is none. Work that was queued before may still run: wait for it first.
    /// </summary>
    /// <exception cref="CudaException">The driver refused, or earlier work failed.</exception>
    public void StartProfiler()
    {
        using CudaContextScope scope = Enter();
        Check(Driver.cuProfilerStart(), nameof(Driver.cuProfilerStart));
    }

    /// <summary>Ends what <see cref="StartProfiler"/> began (cuProfilerStop); starts are not counted.</summary>
    /// <exception cref="CudaException">The driver refused, or earlier work failed.</exception>
    public void StopProfiler()
    {
        using CudaContextScope scope = Enter();
        Check(Driver.cuProfilerStop(), nameof(Driver.cuProfilerStop));
    }
}
