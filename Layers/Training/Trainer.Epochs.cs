using System.Diagnostics;

namespace Sequor.Layers;

// Ends an epoch, with its record and the best parameters so far, and evaluates on any set.
public sealed partial class Trainer
{
    private readonly List<EpochRecord> _history = [];

    // The weight of each batch of an epoch in the average of their losses.
    private readonly double[] _weights;

    // The parameters and buffers of the best epoch, laid out as the model's; null without epochs or a validation set.
    private readonly Storage? _best;
    private Evaluator? _validator;

    /// <summary>The records of the epochs that are done, in their order.</summary>
    public IReadOnlyList<EpochRecord> History => _history;

    /// <summary>The epoch with the lowest loss on the validation set; null before the first has ended, or without such a set.</summary>
    public EpochRecord? BestEpoch { get; private set; }

    private Tensor Best => Plan.Store.StateBlock(_best!);

    private Evaluator Validator => _validator ??= Own(Evaluator(_validation!));

    // True also after an error in the epoch's validation.
    private bool HasEpochToEnd => StepsPerEpoch > 0 && _history.Count < Step / StepsPerEpoch;

    /// <summary>The average loss over the validation set with the current parameters, without dropout.</summary>
    /// <exception cref="InvalidOperationException">There is no validation set.</exception>
    /// <exception cref="DivergedException">A loss or gradient of an earlier step is not finite.</exception>
    /// <exception cref="DatasetException">The set broke the rules of <see cref="Dataset"/>.</exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public double Evaluate()
    {
        using OwnerScope inside = Plan.Backend.Enter("Trainer.Evaluate");
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_validation is null)
            throw new InvalidOperationException("The trainer was made without a validation set.");
        ReadLosses();
        return Validator.Run();
    }

    /// <summary>The average loss over a set with the current parameters, without dropout.</summary>
    /// <param name="data">A finite set of the model's sizes.</param>
    /// <exception cref="ArgumentException">
    /// The set's sizes differ from the model's, it is endless or empty, or it has a sequence without steps.
    /// </exception>
    /// <exception cref="DivergedException">As for <see cref="Evaluate()"/>.</exception>
    /// <exception cref="DatasetException">The set broke the rules of <see cref="Dataset"/>.</exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public double Evaluate(Dataset data)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return Assess(data).Loss;
    }

    /// <summary>
    /// The accuracy on a set of classes with the current parameters, without dropout: the share of targets whose output is the largest, of
    /// equal ones the first. Steps and sequences have the set's weights; ignored classes do not count.
    /// </summary>
    /// <param name="data">A finite set of the model's sizes, whose targets are classes.</param>
    /// <returns>From 0 to 1; 0 if nothing counts. An output that is NaN is never right.</returns>
    /// <exception cref="ArgumentException">As for <see cref="Evaluate(Dataset)"/>, or the targets are no classes.</exception>
    /// <exception cref="DivergedException">As for <see cref="Evaluate()"/>.</exception>
    /// <exception cref="DatasetException">As for <see cref="Evaluate()"/>.</exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public double Accuracy(Dataset data)
    {
        using OwnerScope inside = Plan.Backend.Enter("Trainer.Accuracy");
        return Assess(data, answers: true).Accuracy!.Value;
    }

    /// <summary>
    /// The average loss over a set and, if asked for, the share of right answers, both from the same forward passes, without dropout.
    /// Training can continue afterwards as if this had not been called.
    /// </summary>
    /// <param name="data">A finite set of the model's sizes.</param>
    /// <param name="answers">Whether right answers are counted, which needs the outputs on the host: see <see cref="Accuracy"/>.</param>
    /// <param name="best">Whether the parameters are those of the best epoch, if there is one, and not the current ones.</param>
    /// <exception cref="ArgumentException">As for <see cref="Evaluate(Dataset)"/>, or answers are asked for, and targets are no classes.</exception>
    /// <exception cref="DivergedException">As for <see cref="Evaluate(Dataset)"/>.</exception>
    /// <exception cref="DatasetException">As for <see cref="Evaluate(Dataset)"/>.</exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public Evaluation Assess(Dataset data, bool answers = false, bool best = false)
    {
        using OwnerScope inside = Plan.Backend.Enter("Trainer.Assess");
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(data);
        RequireFinite(data, Plan.Model);
        if (answers)
            RequireClasses(data);
        ReadLosses();
        if (best && BestEpoch is not null)
            return AssessBest(data, answers);
        if (ReferenceEquals(data, _validation))
            return Validator.Run(answers);
        using Evaluator evaluator = Evaluator(data);
        return evaluator.Run(answers);
    }

    private static void RequireClasses(Dataset data)
    {
        if (data.TargetClasses is not { } classes || data.TargetSize != 1)
            throw new ArgumentException(
                $"The dataset '{data.Name}' has numbers as targets; an accuracy is of classes (TargetClasses), one a target.",
                nameof(data)
            );
        if (classes > data.OutputSize)
            throw new ArgumentException(
                $"The dataset '{data.Name}' has {classes} classes, and {data.OutputSize} channels of output, one a class.",
                nameof(data)
            );
    }

    /// <summary>
    /// The average loss over a set with the parameters of the best epoch, or with the current ones if there is none. Training can continue
    /// afterwards as if this had not been called.
    /// </summary>
    /// <param name="data">As for <see cref="Evaluate(Dataset)"/>.</param>
    /// <exception cref="ArgumentException">As for <see cref="Evaluate(Dataset)"/>.</exception>
    /// <exception cref="DivergedException">As for <see cref="Evaluate(Dataset)"/>.</exception>
    /// <exception cref="DatasetException">As for <see cref="Evaluate(Dataset)"/>.</exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public double EvaluateBest(Dataset data)
    {
        using OwnerScope inside = Plan.Backend.Enter("Trainer.EvaluateBest");
        return Assess(data, best: true).Loss;
    }

    private Evaluation AssessBest(Dataset data, bool answers)
    {
        // Between steps the gradients are not needed, so the parameters can be kept in their memory. Buffers have no gradients.
        Backend backend = Plan.Backend;
        backend.Copy(Plan.Parameters, Plan.Gradients);
        Tensor[] buffers = [.. Plan.Store.Buffers.Select(p => Plan.Store.View(p.Parameter))];
        float[][] kept = Array.ConvertAll(buffers, buffer => buffer.ToArray());
        try
        {
            backend.Copy(Best, Plan.Store.State);
            using Evaluator evaluator = Evaluator(data);
            return evaluator.Run(answers);
        }
        finally
        {
            backend.Copy(Plan.Gradients, Plan.Parameters);
            for (int i = 0; i < buffers.Length; i++)
                buffers[i].Write(kept[i]);
        }
    }

    /// <summary>Gives the model the parameters of the best epoch. Training should not continue from there.</summary>
    /// <exception cref="InvalidOperationException">There is no best epoch: none has been validated yet.</exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public void RestoreBest()
    {
        using OwnerScope inside = Plan.Backend.Enter("Trainer.RestoreBest");
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (BestEpoch is null)
            throw new InvalidOperationException("No epoch has been validated yet.");
        Plan.Backend.Copy(Best, Plan.Store.State);
    }

    private EpochRecord EndEpoch(long began)
    {
        int epoch = _history.Count + 1;
        ReadLosses();
        double train = TrainLoss(epoch);
        double? valid = _validator?.Run();
        if (valid is { } found && !double.IsFinite(found))
            throw new DivergedException(
                $"after epoch {epoch} the validation loss is {valid}, which is not finite"
            );
        _elapsed += Stopwatch.GetElapsedTime(began);
        var record = new EpochRecord(
            epoch,
            train,
            valid,
            Optimizer.LearningRate,
            _elapsed.TotalSeconds
        );
        _history.Add(record);
        if (valid is not null && !(BestEpoch?.Valid <= valid))
        {
            BestEpoch = record;
            Plan.Backend.Copy(Plan.Store.State, Best);
        }
        if (_options.Plateau is { } plateau && plateau.IsReached(_history))
            _rate.Multiply(plateau.Factor);
        return record;
    }

    // Each batch is weighted by its steps, or its sequences, except those that the loss ignores.
    private double TrainLoss(int epoch)
    {
        float[] losses = _log!.Losses.ToArray();
        double sum = 0;
        double weights = 0;
        for (int i = 0; i < losses.Length; i++)
        {
            RequireFinite(((epoch - 1L) * StepsPerEpoch) + i + 1, losses[i], norm: 0);
            sum += losses[i] * _weights[i];
            weights += _weights[i];
        }
        return weights == 0 ? 0 : sum / weights;
    }

    private Evaluator Evaluator(Dataset data) =>
        new(Plan.Model, Plan.Backend, data, _options.EvaluationBatch ?? _options.Batch);

    private static void RequireFinite(
        Dataset? data,
        Layer model,
        [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(data))] string name = ""
    )
    {
        if (data is null)
            return;
        if (data.Count is null)
            throw new ArgumentException(
                $"The dataset '{data.Name}' is endless: evaluation needs a finite one.",
                name
            );
        data.RequireFit(model, name);
    }

    // For sequences of one step, one target and one target per step are the same.
    private static void RequireAnswers(Plan plan, Dataset data)
    {
        bool one = plan.MaxOutput.First == 1;
        if (one != data.OneOutput && plan.MaxLength > 1)
            throw new ArgumentException(
                $"The dataset '{data.Name}' has one target a {(data.OneOutput ? "sequence" : "step")}, and the model one output a {(one ? "sequence" : "step")}."
            );
    }
}
