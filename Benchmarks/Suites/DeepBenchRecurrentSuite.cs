using Sequor.Layers;

namespace Sequor.Suites;

/// <summary>
/// Recurrent networks at the sizes of DeepBench's training set (github.com/baidu-research/DeepBench, code/kernels/rnn_problems.h). There the
/// input is as wide as the state and enters without a product (CUDNN_SKIP_INPUT), and its backward time is that of the data's gradient; here
/// the input has its product, and the backward pass gives the weights' gradients too. A CPU leaves out what has more than 1e11 operations.
/// </summary>
public class DeepBenchRecurrentSuite : RecurrentSuiteBase
{
    /// <summary>The networks.</summary>
    public static IEnumerable<RecurrentShape> Shapes =>
        All.Where(shape => SuiteDevice.Takes(shape.Flops));

    private static IEnumerable<RecurrentShape> All =>
        [
            .. from hidden in (int[])[1760, 2048, 2560]
            from batch in (int[])[16, 32, 64, 128]
            select Of(RecurrentKind.Tanh, 50, batch, hidden),
            .. from hidden in (int[])[512, 1024, 2048, 4096]
            from batch in (int[])[16, 32, 64, 128]
            select Of(RecurrentKind.Lstm, 25, batch, hidden),
            .. from batch in (int[])[8, 16, 32] select Of(RecurrentKind.Lstm, 50, batch, 1536),
            .. from batch in (int[])[16, 32, 64] select Of(RecurrentKind.Lstm, 150, batch, 256),
            .. from hidden in (int[])[2816, 2048, 1536, 2560]
            from length in (int[])[1500, 750, 375, 187]
            // Left out there as well.
            where (hidden, length) != (2816, 1500)
            select Of(RecurrentKind.Gru, length, 32, hidden),
            Of(RecurrentKind.Gru, 1, 32, 512),
            Of(RecurrentKind.Gru, 1500, 32, 1024),
            Of(RecurrentKind.Gru, 1500, 64, 1024),
        ];

    private static RecurrentShape Of(RecurrentKind kind, int length, int batch, int hidden) =>
        new("deepbench", kind, length, batch, hidden, hidden);
}
