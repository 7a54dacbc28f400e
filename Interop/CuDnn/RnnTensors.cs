namespace Sequor.Interop;

/// <summary>
/// The memory that a recurrent network's calls read and write; properties that are not set mean no memory. In the shapes, T is the
/// number of steps, B of sequences, L of layers times directions, and H the width of the states.
/// </summary>
/// <typeparam name="T">The data's type.</typeparam>
public record struct RnnTensors<T>
    where T : unmanaged
{
    /// <summary>The input, as its descriptor describes it. Backward reads it again.</summary>
    public DeviceSpan<T> X { get; set; }

    /// <summary>The output, as its descriptor describes it. Backward reads it again.</summary>
    public DeviceSpan<T> Y { get; set; }

    /// <summary>The first states [L, B, H]; empty for zeros.</summary>
    public DeviceSpan<T> Hx { get; set; }

    /// <summary>The last states [L, B, H]; empty if they are not wanted.</summary>
    public DeviceSpan<T> Hy { get; set; }

    /// <summary>The first cell states [L, B, hidden size] of an LSTM; empty for zeros.</summary>
    public DeviceSpan<T> Cx { get; set; }

    /// <summary>The last cell states [L, B, hidden size] of an LSTM, not clipped; empty if they are not wanted.</summary>
    public DeviceSpan<T> Cy { get; set; }

    /// <summary>The gradient of the input, written.</summary>
    public DeviceSpan<T> Dx { get; set; }

    /// <summary>The gradient of the output, read.</summary>
    public DeviceSpan<T> Dy { get; set; }

    /// <summary>The gradient of the first states, written; empty if it is not wanted.</summary>
    public DeviceSpan<T> Dhx { get; set; }

    /// <summary>The gradient of the last states, read; empty for zeros.</summary>
    public DeviceSpan<T> Dhy { get; set; }

    /// <summary>The gradient of the first cell states, written; empty if it is not wanted.</summary>
    public DeviceSpan<T> Dcx { get; set; }

    /// <summary>The gradient of the last cell states, read; empty for zeros.</summary>
    public DeviceSpan<T> Dcy { get; set; }

    /// <summary>The weight space.</summary>
    public DeviceSpan<T> Weights { get; set; }

    /// <summary>The gradients of the weight space, which are added to.</summary>
    public DeviceSpan<T> WeightGradients { get; set; }

    /// <summary>The workspace, which holds nothing from call to call.</summary>
    public DeviceSpan<byte> Workspace { get; set; }

    /// <summary>The reserve: written by a forward call for training, read and written by the backward calls.</summary>
    public DeviceSpan<byte> Reserve { get; set; }

    /// <summary>The lengths on the device, for algorithms that read them there; may be empty.</summary>
    public DeviceSpan<int> DeviceLengths { get; set; }
}
