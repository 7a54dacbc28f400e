using NUnit.Framework;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>What results are told in, worked out by hand.</summary>
[TestFixture]
public sealed class TaskScoreTests
{
    [Test]
    public void Scores_are_made_of_the_mean_loss_or_of_right_answers()
    {
        var result = new Evaluation(2, 0.625);
        Assert.Multiple(() =>
        {
            Assert.That(TaskScore.Accuracy.Of(result), Is.EqualTo(62.5));
            Assert.That(TaskScore.BitsACharacter.Of(result), Is.EqualTo(2.885390).Within(1e-6));
            Assert.That(TaskScore.Perplexity.Of(result), Is.EqualTo(7.389056).Within(1e-6));
            Assert.That(TaskScore.OfLoss("nll").Of(result), Is.EqualTo(2));
        });
        Assert.That(
            () => TaskScore.Accuracy.Of(new Evaluation(2, null)),
            Throws.ArgumentException.With.Message.Contains("right answers")
        );
    }

    [Test]
    public void Of_an_accuracy_more_is_better_and_of_all_others_less()
    {
        TaskScore[] all =
        [
            TaskScore.Accuracy,
            TaskScore.BitsACharacter,
            TaskScore.Perplexity,
            TaskScore.OfLoss("mse"),
        ];
        Assert.That(
            all.Select(score => score.HigherIsBetter),
            Is.EqualTo(new[] { true, false, false, false })
        );
        Assert.That(
            all.Select(score => score.CountsAnswers),
            Is.EqualTo(all.Select(s => s.HigherIsBetter))
        );
    }
}
