using System.Globalization;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Layers.Cuda;

/// <summary>
/// The stream on which large batches come to the device beside the backend's own work, and the pinned memory that they leave from. Both are
/// made when the first training plan wants them.
/// </summary>
/// <remarks>The stream does not wait for the legacy default stream, which may be the backend's own.</remarks>
internal sealed class CudaUploadStream(CudaContext context) : IDisposable
{
    private CudaStream? _stream;
    private CudaUploads? _uploads;

    /// <summary>The copies of this stream.</summary>
    /// <exception cref="DeviceMemoryException">The host cannot pin so much memory; nothing remains allocated.</exception>
    public CudaUploads Uploads
    {
        get
        {
            if (_uploads is not null)
                return _uploads;
            CudaStream stream = context.CreateStream();
            try
            {
                _uploads = new CudaUploads(context, stream);
            }
            catch (Exception e)
            {
                stream.Dispose();
                if (e is CudaException { Status: CUresult.CUDA_ERROR_OUT_OF_MEMORY })
                    throw new DeviceMemoryException(
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"No {2L * CudaUploads.HalfBytes:N0} bytes of pinned host memory for the next batch, which is copied while a step runs (CudaOptions.UploadStream)."
                        ),
                        e
                    );
                throw;
            }
            _stream = stream;
            return _uploads;
        }
    }

    public void Dispose()
    {
        _uploads?.Dispose();
        _stream?.Dispose();
    }
}
