namespace Sequor.Reference;

/// <summary>Softmax cross-entropy, in nats.</summary>
public static class CrossEntropy
{
    /// <summary>
    /// sum(mask * nll) / sum(mask), with nll[r] = log(sum over k of exp(logits[r, k])) - logits[r, target[r]].
    /// </summary>
    /// <param name="logits">[rows, classes]</param>
    /// <param name="targets">[rows], each from 0 to classes - 1 but where the row weighs nothing</param>
    /// <param name="mask">[rows], the weight of each row; null for ones. Its sum must not be zero.</param>
    /// <param name="rows">T * B</param>
    /// <param name="classes">K</param>
    public static double Forward(
        double[] logits,
        int[] targets,
        double[]? mask,
        int rows,
        int classes
    )
    {
        Require.Length(logits, rows * classes);
        Require.Length(targets, rows);
        Require.LengthIfGiven(mask, rows);
        double loss = 0;
        double weight = 0;
        for (var r = 0; r < rows; r++)
        {
            var w = mask is null ? 1 : mask[r];
            if (w == 0)
                continue;
            var row = logits[(r * classes)..((r + 1) * classes)];
            // exp would overflow for large logits
            var largest = row.Max();
            var nll =
                largest + Math.Log(row.Sum(logit => Math.Exp(logit - largest))) - row[targets[r]];
            loss += w * nll;
            weight += w;
        }
        return loss / weight;
    }
}
