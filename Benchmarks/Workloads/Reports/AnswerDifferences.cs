namespace Sequor.Workloads;

/// <summary>How models of a table differ in their right answers to the same questions.</summary>
/// <param name="Task">Their task.</param>
/// <param name="Preset">Their preset.</param>
/// <param name="Answers">Questions that all of them answered.</param>
/// <param name="Seeds">Runs of each model that count.</param>
/// <param name="Pairs">Each two of them.</param>
public sealed record AnswerDifferences(
    string Task,
    string Preset,
    int Answers,
    int Seeds,
    IReadOnlyList<AnswerDifference> Pairs
);

/// <summary>Two models' difference.</summary>
/// <param name="First">A model.</param>
/// <param name="Second">Another one.</param>
/// <param name="Points">The first one's share of right answers less the second one's, in percent.</param>
/// <param name="Low">Where the interval of it begins.</param>
/// <param name="High">Where it ends.</param>
public sealed record AnswerDifference(
    string First,
    string Second,
    double Points,
    double Low,
    double High
)
{
    /// <summary>Whether it is settled which of them is the better one: the interval does not have 0.</summary>
    public bool IsResolved => Low > 0 || High < 0;
}
