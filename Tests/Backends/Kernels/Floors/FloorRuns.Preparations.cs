// Floors of what is made of parameters: matrices around diagonal scans, and state spaces.

using Sequor.Layers;
using Sequor.Native.Kernels;

namespace Sequor.Tests.Kernels;

internal static partial class FloorRuns
{
    /// <summary>The sizes of <see cref="Diagonal"/>.</summary>
    private const int States = 64;

    private static void Preparations(FloorMachine m)
    {
        Diagonal(m, DiagonalForm.LogPolar, States, States);
        Diagonal(m, DiagonalForm.ZeroOrderHold, States, States);

        const int Channels = 16;
        const int Size = 256;
        const long All = Channels * Size;
        KernelGrid grid = KernelGrid.Each(Channels, 128);
        object[] form = [1, 0, Channels, Size, 1, (int)StateSpaceRule.ZeroOrderHold, 0, 1];
        Operand[] parameters =
        [
            m.Shared(Channels),
            m.ReadOf([.. Enumerable.Repeat(-0.5f, (int)All)]),
            m.Read(All),
            m.Read(2 * All),
        ];
        // a and C'.
        m.Launch(
            "state_space_prepare",
            grid,
            [.. parameters, m.Write(2 * All), m.Write(2 * All), .. form]
        );
        // The same parameters, the gradients of a and C', and those of the parameters, which are added to.
        m.Launch(
            "state_space_prepare_gradient",
            grid,
            [
                .. parameters,
                m.Read(2 * All),
                m.Read(2 * All),
                m.Both(Channels),
                m.Both(All),
                m.Both(All),
                m.Both(2 * All),
                .. form,
            ]
        );
    }

    /// <summary>The matrices of one block, and their gradients.</summary>
    /// <param name="m">Where they are launched.</param>
    /// <param name="form">Of its eigenvalues.</param>
    /// <param name="model">d.</param>
    /// <param name="size">N.</param>
    public static void Diagonal(FloorMachine m, DiagonalForm form, int model, int size)
    {
        float[] numbers = new float[size];
        var device = new DiagonalOnDevice(
            m.Machine,
            DiagonalCase.Of(form, numbers, numbers, numbers, model, 1)
        );
        bool polar = form == DiagonalForm.LogPolar;
        string kernel = polar ? "lru_prepare" : "diagonal_prepare";
        long values = (long)model * size;
        device.Prepare();
        // B and C, two parts each, read and written; three numbers of a state, and its lambda; the entry.
        m.Floor(kernel, 32 * values + 20 * size + 128);
        device.Gradient();
        // B, the gradient of B' and, read and written, of B; the same of C without C; three numbers of a state and their gradients, and
        // its rows of dlambda; the entry.
        m.Floor(
            $"{kernel}_gradient",
            (32 + 24) * values + (12 + 24 + 8 * DiagonalCase.Parts) * size + 128
        );
    }
}
