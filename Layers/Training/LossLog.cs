namespace Sequor.Layers;

/// <summary>
/// The losses and gradient norms of the last steps, which stay where the steps run until many are read together. Each place is
/// that of a step's number within its round; a round is an epoch, or as many steps as are read at once.
/// </summary>
internal sealed class LossLog : IDisposable
{
    private readonly int _every;
    private readonly Storage _losses;
    private readonly Storage? _norms;
    private readonly float[] _lossesRead;
    private readonly float[] _normsRead;
    private readonly int _round;

    /// <param name="backend">Where the steps run.</param>
    /// <param name="round">Steps of a round, at least 1.</param>
    /// <param name="every">Steps that are read at once; 0 where none are read but at a round's end.</param>
    public LossLog(Backend backend, int round, int every)
    {
        (_round, _every) = (round, every);
        _lossesRead = new float[round];
        _normsRead = new float[round];
        _losses = backend.Allocate(round, MemoryCategory.InputOutput);
        try
        {
            _norms = backend.Allocate(round, MemoryCategory.InputOutput);
            backend.Fill(Losses, 0f);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The losses of this round's steps; what a checkpoint of an epoch keeps.</summary>
    public Tensor Losses => new(_losses, 0, new Shape(_round));

    /// <summary>Steps whose losses were read, or that were before a resumption.</summary>
    public long ReadSteps { get; private set; }

    private Tensor Norms => new(_norms!, 0, new Shape(_round));

    /// <summary>Keeps a step's loss and gradient norm on the backend, without waiting for the step.</summary>
    /// <param name="step">Its number, from 0.</param>
    /// <param name="loss">Its loss.</param>
    /// <param name="optimizer">The optimizer, which has the norm of the step's gradients.</param>
    public void Keep(long step, Loss loss, Optimizer optimizer)
    {
        int place = (int)(step % _round);
        loss.CopyTo(Losses.Slice(place, 1));
        optimizer.CopyNormTo(Norms.Slice(place, 1));
    }

    /// <summary>Whether losses have to be read after this number of steps.</summary>
    public bool IsDue(long steps) =>
        steps % _round == 0 || (_every > 0 && steps - ReadSteps >= _every);

    /// <summary>Reads what was not read of so many steps, all of one round.</summary>
    /// <returns>How many they are.</returns>
    public int Read(long steps)
    {
        int count = (int)(steps - ReadSteps);
        if (count == 0)
            return 0;
        int first = (int)(ReadSteps % _round);
        Losses.Slice(first, count).Read(_lossesRead.AsSpan(0, count));
        Norms.Slice(first, count).Read(_normsRead.AsSpan(0, count));
        ReadSteps = steps;
        return count;
    }

    /// <summary>Loss and gradient norm of the i-th step of the last reading.</summary>
    public (float Loss, float Norm) At(int i) => (_lossesRead[i], _normsRead[i]);

    /// <summary>Counts this number of steps as read, after a resumption.</summary>
    public void Resume(long steps) => ReadSteps = steps;

    public void Dispose()
    {
        _losses.Dispose();
        _norms?.Dispose();
    }
}
