namespace Sequor.Reference;

/// <summary>Cross-entropy of independent yes-or-no answers, in nats a row.</summary>
public static class BinaryCrossEntropy
{
    /// <summary>
    /// sum(mask * nll) / sum(mask), with nll[r] = -sum over k of y log(p) + (1 - y) log(1 - p), p = 1 / (1 + exp(-logit)).
    /// </summary>
    /// <param name="logits">[rows, answers]</param>
    /// <param name="targets">[rows, answers], each from 0 to 1 but where the row weighs nothing</param>
    /// <param name="mask">[rows], the weight of each row; null for ones. Its sum must not be zero.</param>
    /// <param name="rows">T * B</param>
    /// <param name="answers">K</param>
    public static double Forward(
        double[] logits,
        double[] targets,
        double[]? mask,
        int rows,
        int answers
    )
    {
        Require.Length(logits, rows * answers);
        Require.Length(targets, rows * answers);
        Require.LengthIfGiven(mask, rows);
        double loss = 0;
        double weight = 0;
        for (var r = 0; r < rows; r++)
        {
            var w = mask is null ? 1 : mask[r];
            if (w == 0)
                continue;
            double nll = 0;
            for (var k = 0; k < answers; k++)
            {
                var logit = logits[r * answers + k];
                var y = targets[r * answers + k];
                nll += y * LogOfOnePlusExp(-logit) + (1 - y) * LogOfOnePlusExp(logit);
            }
            loss += w * nll;
            weight += w;
        }
        return loss / weight;
    }

    // -log(p) of p = 1 / (1 + exp(-x)); beyond 40 the 1 is lost in double precision anyhow, and exp would overflow.
    private static double LogOfOnePlusExp(double x)
    {
        if (x > 40)
            return x;
        var e = Math.Exp(x);
        // log(1 + e) loses a small e.
        return e < 1e-5 ? e - e * e / 2 : Math.Log(1 + e);
    }
}
