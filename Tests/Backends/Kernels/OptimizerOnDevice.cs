using System.Runtime.InteropServices;
using Sequor.Layers;
using Sequor.Native.Kernels;

namespace Sequor.Tests.Kernels;

/// <summary>An optimizer by the kernels.</summary>
internal sealed class OptimizerOnDevice
{
    private readonly KernelMachine _machine;
    private readonly UpdateRule _rule;
    private readonly DeviceArray _segments;
    private readonly DeviceArray _counter;
    private readonly int _segmentCount;

    public OptimizerOnDevice(
        KernelMachine machine,
        UpdateRule rule,
        float[] parameters,
        OptimizerSegment[] segments,
        float clip = 5f
    )
    {
        (_machine, _rule) = (machine, rule);
        Parameters = machine.Put(parameters);
        First = machine.Zeros(parameters.Length);
        Second = machine.Zeros(parameters.Length);
        State = machine.Put(0.01f, 0f, 0f, 0f, clip);
        _segments = machine.Put([.. segments.Select(s => new Segment(s))]);
        _segmentCount = segments.Length;
        _counter = machine.Zeros(1);
    }

    public DeviceArray Parameters { get; }
    public DeviceArray First { get; }
    public DeviceArray Second { get; }
    public DeviceArray State { get; }

    public void Step(float[] values)
    {
        long count = values.Length;
        DeviceArray gradients = _machine.Put(values);
        DeviceArray step = _machine.New(5);
        KernelGrid norm = KernelGrid.Sum(count);
        _machine.Launch(
            "optimizer_norm",
            norm,
            gradients,
            count,
            State,
            step,
            _rule.Corrected ? 1 : 0,
            _rule.Beta1,
            _rule.Beta2,
            _rule.Decay,
            _machine.New(2L * norm.X),
            _counter
        );
        string kernel = (_rule.HasMean, _rule.HasMeanSquare) switch
        {
            (false, false) => "optimizer_sgd",
            (true, false) => "optimizer_momentum",
            (false, true) => "optimizer_rmsprop",
            (true, true) => "optimizer_adam",
        };
        object[] moments =
        [
            .. _rule.HasMean ? (object[])[First] : [],
            .. _rule.HasMeanSquare ? (object[])[Second] : [],
        ];
        object[] numbers =
        [
            .. _rule.HasMean ? (object[])[_rule.Beta1, _rule.Weight, _rule.Ahead ? 1 : 0] : [],
            .. _rule.HasMeanSquare ? (object[])[_rule.Beta2, _rule.Epsilon] : [],
        ];
        _machine.Launch(
            kernel,
            KernelGrid.Threadwise(count, 1024) with
            {
                Threads = KernelGrid.Block,
            },
            [Parameters, gradients, .. moments, step, _segments, _segmentCount, count, .. numbers]
        );
    }

    // As the kernels have it.
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Segment(OptimizerSegment segment)
    {
        public readonly long From = segment.From;
        public readonly long To = segment.To;
        public readonly float Rate = segment.RateFactor;
        public readonly float Decays = segment.Decays ? 1f : 0f;
    }
}
