using System.Globalization;

namespace Sequor.VirtualGpu;

/// <summary>A piece of work as a test picks it: a library's call or a kernel, and what computes it.</summary>
/// <param name="Call">The header's name of the call; cuLaunchKernel for a kernel.</param>
/// <param name="Way">
/// What computes it: a recurrent net's algorithm, a handle's math mode, both by the header's name; "engine N" of a graph; a
/// kernel's name.
/// </param>
/// <param name="Shape">The sizes, in a form that each call has for itself.</param>
internal sealed record VirtualWork(string Call, string Way, string Shape);

/// <summary>What a test has a piece of work take, or do.</summary>
internal sealed record VirtualEffect
{
    public static VirtualEffect Usual { get; } = new();

    /// <summary>How long it takes; null for 1 microsecond, and 1 ns for 1000 bytes.</summary>
    public double? Microseconds { get; init; }

    /// <summary>
    /// One value of its result is off by 1, the least that a comparison has to see. It picks a library's calls by their algorithm, when
    /// they are made; <see cref="Distortion"/> picks any work by its name, when it runs, and changes all that it wrote.
    /// </summary>
    public bool IsWrong { get; init; }

    /// <summary>The call answers NOT_SUPPORTED. Only calls of cuDNN do.</summary>
    public bool IsRefused { get; init; }

    /// <summary>When it runs, it reads where nothing is, which loses the context.</summary>
    public bool Faults { get; init; }

    /// <summary>Puts the effect in front of work.</summary>
    public Action<DeviceMemory> Before(
        VirtualDevice device,
        VirtualWork work,
        Action<DeviceMemory> run
    ) =>
        memory =>
        {
            if (Faults)
                throw new VirtualFaultException(
                    new(FaultKind.OutOfBounds, work.Call, work.Way, 0, "a test wants it so")
                );
            run(memory);
            if (Microseconds is { } time)
                device.Work.Takes(time);
        };

    /// <summary>Makes one of some values wrong, where that is wanted.</summary>
    public double[] Spoil(double[] values)
    {
        if (IsWrong && values.Length > 0)
            values[values.Length / 2] += 1;
        return values;
    }

    /// <summary>Refuses a call of cuDNN, where that is wanted.</summary>
    /// <exception cref="CuDnnRefusal">It is.</exception>
    public void Require(VirtualWork work)
    {
        if (IsRefused)
            throw CuDnnRefusal.NotSupported(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{work.Way} does not take {work.Shape}"
                )
            );
    }
}
