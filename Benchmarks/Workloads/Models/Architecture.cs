using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>One of the five architectures that are compared: how its model for a task is made.</summary>
public abstract class Architecture
{
    private protected Architecture() { }

    /// <summary>All of them, in the order of reports.</summary>
    public static IReadOnlyList<Architecture> All { get; } =
    [
        new RecurrentArchitecture("rnn", 1, (i, h, n) => new Rnn(i, h, n)),
        // Four gates, the cell and the output.
        new RecurrentArchitecture("lstm", 6, (i, h, n) => new Lstm(i, h, n)),
        // Reset, update, new, the recurrent part of new, and the output.
        new RecurrentArchitecture("gru", 5, (i, h, n) => new Gru(i, h, n)),
        new TcnArchitecture(),
        new LruArchitecture(),
    ];

    /// <summary>The names of all, in the order of reports.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.Select(a => a.Name)];

    /// <summary>The name in options and reports.</summary>
    public abstract string Name { get; }

    /// <summary>What the depth counts: layer, level or block.</summary>
    public abstract string DepthName { get; }

    /// <summary>The depth where none is asked for.</summary>
    public abstract int DefaultDepth { get; }

    /// <summary>The largest depth.</summary>
    public virtual int MaxDepth => 64;

    /// <summary>The architecture of a name, or null.</summary>
    public static Architecture? Find(string name) => All.FirstOrDefault(a => a.Name == name);

    /// <summary>The architecture of a name.</summary>
    /// <exception cref="ArgumentException">There is none of this name.</exception>
    public static Architecture Get(string name) =>
        Find(name)
        ?? throw new ArgumentException(
            $"unknown architecture '{name}'; allowed: {string.Join(", ", Names)}",
            nameof(name)
        );

    /// <summary>The model for a task: its body, pooling where the task has one output, and a linear layer.</summary>
    /// <param name="task">Gives channels in and out, and whether there is one output.</param>
    /// <param name="width">Hidden units or channels, at least 1.</param>
    /// <param name="depth">Layers, levels or blocks, 1 to <see cref="MaxDepth"/>.</param>
    public Sequential Create(SequenceTask task, int width, int depth)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(depth, MaxDepth);
        Layer body = Body(task.InputSize, width, depth);
        var head = new Linear(width, task.OutputSize);
        return task.OneOutput
            ? new Sequential(body, Pool(width), head)
            : new Sequential(body, head);
    }

    /// <summary>Bytes of activations that backward cannot do without, for T * B rows.</summary>
    public abstract long KeptBytes(long rows, int width, int depth);

    private protected abstract Layer Body(int inputs, int width, int depth);

    private protected virtual Layer Pool(int width) => new Last(width);

    /// <inheritdoc/>
    public override string ToString() => Name;

    private sealed class RecurrentArchitecture(
        string name,
        int kept,
        Func<int, int, int, Layer> create
    ) : Architecture
    {
        public override string Name => name;

        public override string DepthName => "layer";

        public override int DefaultDepth => 1;

        public override long KeptBytes(long rows, int width, int depth) =>
            checked(rows * depth * kept * width * sizeof(float));

        private protected override Layer Body(int inputs, int width, int depth) =>
            create(inputs, width, depth);
    }

    private sealed class TcnArchitecture : Architecture
    {
        private const int Kernel = 8;

        public override string Name => "tcn";

        public override string DepthName => "level";

        public override int DefaultDepth => 8;

        // The dilation of the last level is 2^(depth - 1) steps, and 7 taps of it must not overflow.
        public override int MaxDepth => 24;

        // What the two convolutions gave, and a bit an output for the relu on the sum.
        public override long KeptBytes(long rows, int width, int depth) =>
            checked(depth * ((rows * 2 * width * sizeof(float)) + (rows * width / 8)));

        private protected override Layer Body(int inputs, int width, int depth) =>
            new Tcn(inputs, [.. Enumerable.Repeat(width, depth)], Kernel);
    }

    private sealed class LruArchitecture : Architecture
    {
        public override string Name => "lru";

        public override string DepthName => "block";

        public override int DefaultDepth => 4;

        // The encoder's output; a block's complex states, mixed output, two gates, output and two statistics.
        public override long KeptBytes(long rows, int width, int depth) =>
            checked(rows * (width + (depth * ((6L * width) + 2))) * sizeof(float));

        private protected override Layer Body(int inputs, int width, int depth) =>
            new Lru(inputs, width, width, depth);

        private protected override Layer Pool(int width) => new Mean(width);
    }
}
