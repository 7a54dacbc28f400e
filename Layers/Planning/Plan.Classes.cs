namespace Sequor.Layers;

// Checks the inputs of models that begin with an embedding, whose values must be class numbers.
public sealed partial class Plan
{
    private void RequireClasses(ReadOnlySpan<float> x, int batch, ReadOnlySpan<int> lengths)
    {
        if (
            Model.InputClasses is { } classes
            && FirstOdd(x, classes, batch, lengths) is >= 0 and int at
        )
            throw new ArgumentException(
                $"The input at step {at / batch} of sequence {at % batch} must be {Allowed(classes)}, not {x[at]}.",
                nameof(x)
            );
    }

    private void RequirePackedClasses(ReadOnlySpan<float> rows)
    {
        if (Model.InputClasses is { } classes && FirstOdd(rows, classes, 1, []) is >= 0 and int at)
            throw new ArgumentException(
                $"The packed input at row {at} must be {Allowed(classes)}, not {rows[at]}.",
                nameof(rows)
            );
    }

    // Describes the first value of the last input that is not a class; null if there is none. It reads the input back.
    private string? OddInput()
    {
        if (_x.IsEmpty || Model.InputClasses is not { } classes)
            return null;
        float[] x = _x.ToArray();
        int batch = _x.Shape[1];
        int at = FirstOdd(x, classes, batch, ForwardLengths);
        return at < 0
            ? null
            : $"input {_x.Shape}, whose value {at} is {x[at]} and has to be {Allowed(classes)}";
    }

    // The index of the first value that is not a class, or -1. Values after a sequence's end do not count.
    private static int FirstOdd(
        ReadOnlySpan<float> x,
        int classes,
        int batch,
        ReadOnlySpan<int> lengths
    )
    {
        for (int i = 0; i < x.Length; i++)
        {
            if (x[i] >= 0 && x[i] < classes && x[i] == (int)x[i])
                continue;
            if (lengths.IsEmpty || i / batch < lengths[i % batch])
                return i;
        }
        return -1;
    }

    private static string Allowed(int classes) =>
        classes == 1 ? "the class 0" : $"a class, a whole number from 0 to {classes - 1}";
}
