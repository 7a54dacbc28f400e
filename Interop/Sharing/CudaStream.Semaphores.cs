namespace Sequor.Interop;

// Semaphores of other APIs in a stream's order.
public sealed unsafe partial class CudaStream
{
    /// <summary>
    /// Makes work that is queued later wait for another API's semaphore; the calling thread does not wait. A binary semaphore is not
    /// signalled any more after the wait.
    /// </summary>
    /// <param name="semaphore">A semaphore of the stream's context.</param>
    /// <param name="value">What a timeline semaphore or a fence has to reach; 0 for a binary semaphore.</param>
    /// <exception cref="ArgumentException">The semaphore is of another context.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A value is given for a binary semaphore.</exception>
    /// <exception cref="ObjectDisposedException">The stream or the semaphore was disposed.</exception>
    public void Wait(CudaExternalSemaphore semaphore, ulong value = 0)
    {
        ArgumentNullException.ThrowIfNull(semaphore);
        semaphore.Await(this, value);
    }

    /// <summary>Signals another API's semaphore when the work is done that is queued by now, and does not wait.</summary>
    /// <param name="semaphore">A semaphore of the stream's context.</param>
    /// <param name="value">What a timeline semaphore or a fence is set to, more than it is; 0 for a binary semaphore.</param>
    /// <exception cref="ArgumentException">The semaphore is of another context.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A value is given for a binary semaphore.</exception>
    /// <exception cref="ObjectDisposedException">The stream or the semaphore was disposed.</exception>
    public void Signal(CudaExternalSemaphore semaphore, ulong value = 0)
    {
        ArgumentNullException.ThrowIfNull(semaphore);
        semaphore.Signal(this, value);
    }
}
