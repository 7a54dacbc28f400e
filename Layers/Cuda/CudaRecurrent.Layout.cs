using System.Globalization;
using Sequor.Interop;

namespace Sequor.Layers.Cuda;

// Where cuDNN keeps the parameters of a recurrent network.
internal sealed partial class CudaRecurrent
{
    /// <summary>
    /// Reads the layout of cuDNN's weight space. The matrices of a parameter's gates must follow each other, as PyTorch's parameters stack
    /// them.
    /// </summary>
    /// <exception cref="NotSupportedException">
    /// This cuDNN keeps the gates of a parameter apart, or has no place for a parameter.
    /// </exception>
    public static ParameterLayout Layout(CudaBackend backend, in RecurrentDescriptor descriptor)
    {
        using RnnDescriptor rnn = RnnDescriptor.Create(
            backend.CuDnn,
            Settings(descriptor with { Dropout = 0 }, backend.Math)
        );
        int gates = descriptor.Gates;
        var offsets = new Dictionary<string, long>();
        foreach (
            IGrouping<string, RnnWeight> group in rnn.Weights(backend.CuDnn)
                .GroupBy(weight => Name(weight, rnn.Settings))
        )
        {
            RnnWeight[] parts = [.. group.OrderBy(weight => weight.LinearLayer)];
            for (int i = 1; i < parts.Length; i++)
            {
                if (parts[i].Offset != parts[0].Offset + i * parts[0].Count)
                    throw new NotSupportedException(
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"cuDNN puts gate {i} of {group.Key} at {parts[i].Offset}, not behind the one before it at {parts[0].Offset + i * parts[0].Count}: one parameter cannot hold them."
                        )
                    );
            }
            offsets[group.Key] = parts[0].Offset;
        }
        string[] missing =
        [
            .. descriptor
                .Parameters()
                .Select(p => p.Name)
                .Where(name => !offsets.ContainsKey(name)),
        ];
        return missing.Length == 0
            ? new ParameterLayout(rnn.WeightSpaceBytes(backend.CuDnn) / sizeof(float), offsets)
            : throw new NotSupportedException(
                $"cuDNN's weight space has no {string.Join(", ", missing)}."
            );
    }

    private static string Name(RnnWeight weight, RnnSettings settings)
    {
        int layer = weight.PseudoLayer / settings.Directions;
        string place =
            weight.PseudoLayer % settings.Directions == 0
                ? string.Create(CultureInfo.InvariantCulture, $"l{layer}")
                : string.Create(CultureInfo.InvariantCulture, $"l{layer}_reverse");
        string kind =
            weight.LinearLayer < settings.Gates ? "ih"
            : weight.LinearLayer < 2 * settings.Gates ? "hh"
            : "hr";
        return $"{(weight.IsBias ? "bias" : "weight")}_{kind}_{place}";
    }
}
