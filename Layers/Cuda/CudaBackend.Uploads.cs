using Sequor.Interop;

namespace Sequor.Layers.Cuda;

// Copies values from the host to the device: in the order of the work, or large batches of a training plan beside it.
public sealed partial class CudaBackend
{
    /// <summary>From how many bytes on a training plan's batch is copied beside the step before (docs/cuda.md has the reckoning).</summary>
    internal const long LeastStagedBytes = 256 << 10;

    private const string NoUpload =
        "copying values to the device cannot be part of a captured step: put it before the step";

    private readonly CudaUploads _uploads;
    private readonly CudaUploadStream _uploadStream;

    internal override bool StagesUploads(long count) =>
        _options.UploadStream && count * sizeof(float) >= _options.StagedFrom;

    internal override long StagedBytes(Storage destination, long count) =>
        destination is { Staging: not null } && StagesUploads(count) ? count * sizeof(float) : 0;

    internal override IDisposable? StageUploads(Storage destination, Storage? memory = null)
    {
        if (!StagesUploads(destination.Count))
            return null;
        CudaUploads uploads = _uploadStream.Uploads;
        Storage by = memory ?? Allocate(destination.Count, destination.Category);
        try
        {
            return new CudaStaging(this, uploads, destination, by, ownsMemory: memory is null);
        }
        catch
        {
            if (memory is null)
                by.Dispose();
            throw;
        }
    }

    private protected override void UploadCore(ReadOnlySpan<float> source, Tensor destination)
    {
        if (StagedBytes(destination.Storage, destination.Count) == 0)
        {
            Upload(source, Span(destination));
            return;
        }
        RequireNotRecording(NoUpload);
        ((CudaStaging)destination.Storage.Staging!).Copy(source, destination);
    }

    /// <summary>Copies values of any unmanaged type from host memory, after earlier work on the destination.</summary>
    internal void Upload<T>(
        ReadOnlySpan<T> source,
        DeviceSpan<T> destination,
        string reason = NoUpload
    )
        where T : unmanaged
    {
        RequireNotRecording(reason);
        _uploads.Copy(source, destination);
    }
}
