using System.Runtime.CompilerServices;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Native;

namespace Sequor.C;

/// <summary>Makes a code and a text of what was thrown, so that no exception crosses the boundary.</summary>
internal static class Failure
{
    /// <summary>Sets the thread's text and returns the code.</summary>
    /// <param name="error">What was thrown.</param>
    /// <param name="function">The function that was called, by which the text begins.</param>
    public static int Of(Exception error, [CallerMemberName] string function = "")
    {
        try
        {
            LastError.Set($"{function}: {Words(error)}");
            return (int)StatusOf(error);
        }
        catch (OutOfMemoryException)
        {
            LastError.Clear();
            return (int)Status.Memory;
        }
    }

    private static Status StatusOf(Exception error) =>
        error switch
        {
            RefusedException refused => refused.Status,
            ObjectDisposedException => Status.Closed,
            DeviceUnavailableException or LibraryException => Status.Device,
            DeviceMemoryException or OutOfMemoryException => Status.Memory,
            SafetensorsException or CheckpointException => Status.File,
            IOException or UnauthorizedAccessException => Status.File,
            DivergedException => Status.Diverged,
            NotSupportedException => Status.Unsupported,
            CudaException or CudnnException or CublasException => Status.Cuda,
            ArgumentException or OverflowException => Status.Argument,
            InvalidOperationException => Status.State,
            _ => Status.Internal,
        };

    private static string Words(Exception error) =>
        error switch
        {
            ObjectDisposedException disposed =>
                $"{Last(disposed.ObjectName)} was freed already, by itself or with what it belongs to.",
            ArgumentException argument => WithoutParameter(argument),
            _ when StatusOf(error) == Status.Internal =>
                $"{error.GetType().Name}: {error.Message} This is a fault of Sequor.",
            _ => error.Message,
        };

    // .NET's names of types and parameters are not those of sequor.h.
    private static string Last(string name) => name[(name.LastIndexOf('.') + 1)..];

    /// <summary>The message without what .NET adds of its parameters' names.</summary>
    public static string WithoutParameter(ArgumentException error)
    {
        int end = error.Message.IndexOf(" (Parameter '", StringComparison.Ordinal);
        return end < 0 ? error.Message : error.Message[..end];
    }
}
