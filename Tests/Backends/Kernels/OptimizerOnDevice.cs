using System.Runtime.InteropServices;
using Sequor.Layers;
using Sequor.Native.Kernels;

namespace Sequor.Tests.Kernels;

/// <summary>An optimizer by the kernels.</summary>
internal sealed class OptimizerOnDevice
{
    private readonly KernelMachine _machine;
    private readonly OptimizerRule _rule;
    private readonly float _beta1;
    private readonly DeviceArray _segments;
    private readonly DeviceArray _counter;
    private readonly int _segmentCount;

    public OptimizerOnDevice(
        KernelMachine machine,
        OptimizerRule rule,
        float[] parameters,
        OptimizerSegment[] segments,
        float beta1,
        float clip = 5f
    )
    {
        (_machine, _rule, _beta1) = (machine, rule, beta1);
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
        bool adam = _rule is OptimizerRule.Adam or OptimizerRule.AdamW;
        _machine.Launch(
            "optimizer_norm",
            norm,
            gradients,
            count,
            State,
            step,
            adam ? 1 : 0,
            _beta1,
            0.999f,
            _rule == OptimizerRule.AdamW ? 0.05f : 0f,
            _machine.New(2L * norm.X),
            _counter
        );
        string kernel = _rule switch
        {
            OptimizerRule.Sgd => _beta1 == 0 ? "optimizer_sgd" : "optimizer_momentum",
            OptimizerRule.RmsProp => "optimizer_rmsprop",
            _ => "optimizer_adam",
        };
        object[] moments = kernel switch
        {
            "optimizer_sgd" => [],
            "optimizer_adam" => [First, Second],
            _ => [First],
        };
        object[] numbers = kernel switch
        {
            "optimizer_sgd" => [],
            "optimizer_momentum" => [_beta1],
            "optimizer_rmsprop" => [_beta1, 1e-8f],
            _ => [_beta1, 0.999f, 1e-8f],
        };
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
