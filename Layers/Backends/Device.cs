using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Sequor.Layers;

/// <summary>
/// Where a backend works: a CPU, a GPU by its number, or whichever is best (the default). <see cref="Parse(string)"/> takes what users
/// write: "auto", "cpu", "cuda" or "cuda:N".
/// </summary>
/// <example>
/// <code>
/// Device device = Device.Parse("cpu"); // or "auto", "cuda", "cuda:1"
/// if (!Device.TryParse("gpu", out _))
///     Console.WriteLine("there is no device of that name");
/// using var backend = Backend.Create(device); // Device.Auto: a GPU that passes its self-check, else the CPU
/// Console.WriteLine(backend.Info.Reason); // why it was chosen
/// </code>
/// </example>
public readonly record struct Device : IParsable<Device>
{
    private const string Allowed = "auto, cpu, cuda, cuda:N";

    private readonly Kind _kind;

    private Device(Kind kind, int index = 0)
    {
        _kind = kind;
        Index = index;
    }

    private enum Kind
    {
        Auto,
        Cpu,
        Cuda,
    }

    /// <summary>
    /// The device that is used if none is named: the first GPU if there is one that passes its self-check
    /// (<see cref="SelfCheckMode"/>), else the CPU. <see cref="BackendInfo.Reason"/> says which, and why.
    /// </summary>
    public static Device Auto => default;

    /// <summary>The CPU.</summary>
    public static Device Cpu => new(Kind.Cpu);

    /// <summary>A GPU by its number.</summary>
    /// <param name="index">Its number among the GPUs that CUDA sees, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 0.</exception>
    public static Device Cuda(int index = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        return new Device(Kind.Cuda, index);
    }

    /// <summary>Whether it is <see cref="Auto"/>.</summary>
    public bool IsAuto => _kind == Kind.Auto;

    /// <summary>Whether it is the CPU.</summary>
    public bool IsCpu => _kind == Kind.Cpu;

    /// <summary>Whether it is a GPU.</summary>
    public bool IsCuda => _kind == Kind.Cuda;

    /// <summary>The GPU's number; 0 for any other device.</summary>
    public int Index { get; }

    /// <summary>Parses a device's name.</summary>
    /// <param name="text">"auto", "cpu", "cuda" or "cuda:N", in lower case.</param>
    /// <exception cref="FormatException">The text is none of these.</exception>
    public static Device Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return TryParse(text, out Device device)
            ? device
            : throw new FormatException($"unknown device '{text}'; allowed: {Allowed}");
    }

    /// <summary>Parses a device's name.</summary>
    /// <param name="text">As for <see cref="Parse(string)"/>.</param>
    /// <param name="device">The device; <see cref="Auto"/> if the text does not name one.</param>
    /// <returns>Whether the text names a device.</returns>
    public static bool TryParse([NotNullWhen(true)] string? text, out Device device)
    {
        const string Numbered = "cuda:";
        device = default;
        switch (text)
        {
            case "auto":
                return true;
            case "cpu":
                device = Cpu;
                return true;
            case "cuda":
                device = Cuda();
                return true;
        }
        if (text is null || !text.StartsWith(Numbered, StringComparison.Ordinal))
            return false;
        ReadOnlySpan<char> number = text.AsSpan(Numbered.Length);
        if (!int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int index))
            return false;
        device = Cuda(index);
        return true;
    }

    static Device IParsable<Device>.Parse(string s, IFormatProvider? provider) => Parse(s);

    static bool IParsable<Device>.TryParse(
        [NotNullWhen(true)] string? s,
        IFormatProvider? provider,
        out Device result
    ) => TryParse(s, out result);

    /// <summary>The name that <see cref="Parse(string)"/> accepts: "auto", "cpu" or "cuda:0".</summary>
    public override string ToString() =>
        _kind switch
        {
            Kind.Auto => "auto",
            Kind.Cpu => "cpu",
            _ => string.Create(CultureInfo.InvariantCulture, $"cuda:{Index}"),
        };
}
