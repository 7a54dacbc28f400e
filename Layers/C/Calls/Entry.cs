using System.Runtime.CompilerServices;
using Sequor.Layers;

namespace Sequor.C;

/// <summary>
/// Lets the calling thread into a backend or a model for the whole of a call, under the call's own name: that a second thread is refused has
/// a code of its own.
/// </summary>
internal static class Entry
{
    /// <summary>Into a backend.</summary>
    /// <exception cref="RefusedException">Another thread is inside.</exception>
    public static OwnerScope Into(Backend backend, [CallerMemberName] string function = "")
    {
        try
        {
            return backend.Enter(function);
        }
        catch (InvalidOperationException e)
        {
            throw new RefusedException(Status.Thread, e.Message);
        }
    }

    /// <summary>Into a model.</summary>
    /// <exception cref="RefusedException">Another thread is inside.</exception>
    public static OwnerScope Into(Layer model, [CallerMemberName] string function = "")
    {
        try
        {
            return model.Enter(function);
        }
        catch (InvalidOperationException e)
        {
            throw new RefusedException(Status.Thread, e.Message);
        }
    }

    /// <summary>Into the backend that a model is on, if it is on one.</summary>
    /// <exception cref="RefusedException">Another thread is inside.</exception>
    public static OwnerScope IntoBackendOf(Layer model, [CallerMemberName] string function = "")
    {
        try
        {
            return model.EnterBackend(function);
        }
        catch (InvalidOperationException e)
        {
            throw new RefusedException(Status.Thread, e.Message);
        }
    }
}
