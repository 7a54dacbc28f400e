namespace Sequor.Workloads;

/// <summary>How a text is cut into windows, and how many characters or words a model knows.</summary>
/// <param name="Vocabulary">
/// The classes of the model, at least 2. A text has at most as many characters; of words, the rarer ones are one.
/// </param>
/// <param name="Context">Steps at the beginning of a window that do not count, as they do in the window before; below its length.</param>
/// <param name="Carry">Whether windows follow each other and states are carried from one to the next; then there is no context.</param>
public sealed record WindowOptions(int Vocabulary, int Context = 0, bool Carry = false);
