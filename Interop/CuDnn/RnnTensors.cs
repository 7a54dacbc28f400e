namespace Sequor.Interop;

/// <summary>
/// The memory that a recurrent network's calls read and write; properties that are not set mean no memory. In the shapes, T is the
/// number of steps, B of sequences, L of layers times directions, and H the width of the states.
/// </summary>
/// <typeparam name="T">The data's type.</typeparam>
public record struct RnnTensors<T>
    where T : unmanaged
{
    /// <summary>Input: as its descriptor says. Backward reads it again.</summary>
    public DeviceSpan<T> X { get; set; }

    /// <summary>Output: as its descriptor says. Backward reads it again.</summary>
    public DeviceSpan<T> Y { get; set; }

    /// <summary>First states [L, B, H]; none for zeros.</summary>
    public DeviceSpan<T> Hx { get; set; }

    /// <summary>Last states [L, B, H]; none for not wanted.</summary>
    public DeviceSpan<T> Hy { get; set; }

    /// <summary>First cell states [L, B, hidden size] of an LSTM; none for zeros.</summary>
    public DeviceSpan<T> Cx { get; set; }

    /// <summary>Last cell states [L, B, hidden size] of an LSTM, not clipped; none for not wanted.</summary>
    public DeviceSpan<T> Cy { get; set; }

    /// <summary>Gradient by the input; written.</summary>
    public DeviceSpan<T> Dx { get; set; }

    /// <summary>Gradient by the output; read.</summary>
    public DeviceSpan<T> Dy { get; set; }

    /// <summary>Gradient by the first states; none for not wanted.</summary>
    public DeviceSpan<T> Dhx { get; set; }

    /// <summary>Gradient by the last states; none for zeros.</summary>
    public DeviceSpan<T> Dhy { get; set; }

    /// <summary>Gradient by the first cell states; none for not wanted.</summary>
    public DeviceSpan<T> Dcx { get; set; }

    /// <summary>Gradient by the last cell states; none for zeros.</summary>
    public DeviceSpan<T> Dcy { get; set; }

    /// <summary>The weight space.</summary>
    public DeviceSpan<T> Weights { get; set; }

    /// <summary>Gradients by the weight space, which are added to.</summary>
    public DeviceSpan<T> WeightGradients { get; set; }

    /// <summary>Scratch; it keeps nothing from call to call.</summary>
    public DeviceSpan<byte> Workspace { get; set; }

    /// <summary>The reserve: written by a forward call for training, read and written by backward.</summary>
    public DeviceSpan<byte> Reserve { get; set; }

    /// <summary>The lengths on the device, for algorithms that read them there; may be none.</summary>
    public DeviceSpan<int> DeviceLengths { get; set; }
}
