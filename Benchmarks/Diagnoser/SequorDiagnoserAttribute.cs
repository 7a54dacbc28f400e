using BenchmarkDotNet.Configs;

namespace Sequor.BenchmarkDotNet;

/// <summary>
/// Adds <see cref="SequorDiagnoser"/> to the benchmarks of a class: columns, and a file that <c>sequor compare</c> reads. What they
/// have comes from <see cref="SequorDiagnostics"/>, which the benchmarks call where they clean up.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Assembly)]
public sealed class SequorDiagnoserAttribute : Attribute, IConfigSource
{
    /// <inheritdoc/>
    public IConfig Config { get; } = ManualConfig.CreateEmpty().AddDiagnoser(new SequorDiagnoser());
}
