namespace Sequor.Interop;

// Copies to memory that another stream works on.
public sealed unsafe partial class CudaStream
{
    /// <summary>Makes a link that copies from memory that this stream works on to memory that another one works on.</summary>
    /// <param name="to">The stream whose work uses the copies; of another context, on any device, or of the same.</param>
    /// <exception cref="ArgumentException">The streams are of different CUDA libraries, or the same stream.</exception>
    /// <exception cref="ObjectDisposedException">A stream was disposed.</exception>
    public CudaPeerLink LinkTo(CudaStream to) => new(this, to);
}
