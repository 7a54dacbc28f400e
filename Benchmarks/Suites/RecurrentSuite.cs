using Sequor.Layers;

namespace Sequor.Suites;

/// <summary>
/// Recurrent networks at the sizes of papers. Bai, Kolter and Koltun 2018 (arXiv 1803.01271, Table 2 and its code): the adding problem
/// at 70,000 parameters, sequential MNIST, copy memory and characters of the Penn Treebank. Chung et al. 2014 (arXiv 1412.3555, Table 2):
/// polyphonic music at 20,000 parameters; the 61 frames are about the mean of the JSB chorales.
/// </summary>
public class RecurrentSuite : RecurrentSuiteBase
{
    /// <summary>The networks.</summary>
    public static IEnumerable<RecurrentShape> Shapes =>
        [
            new("adding", RecurrentKind.Tanh, 600, 32, 2, 262),
            new("adding", RecurrentKind.Lstm, 600, 32, 2, 130),
            new("adding", RecurrentKind.Gru, 600, 32, 2, 151),
            new("mnist", RecurrentKind.Lstm, 784, 64, 1, 130),
            new("copy", RecurrentKind.Lstm, 1020, 32, 1, 50),
            new("ptb-char", RecurrentKind.Lstm, 400, 32, 100, 600, 2),
            new("music", RecurrentKind.Tanh, 61, 16, 88, 100),
            new("music", RecurrentKind.Lstm, 61, 16, 88, 36),
            new("music", RecurrentKind.Gru, 61, 16, 88, 46),
        ];
}
