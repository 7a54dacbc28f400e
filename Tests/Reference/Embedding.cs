namespace Sequor.Reference;

/// <summary>Rows of a table by class numbers.</summary>
public static class Embedding
{
    /// <summary>y[r] = weight[x[r]].</summary>
    /// <param name="x">[rows], whole numbers from 0 to count - 1</param>
    /// <param name="weight">[count, size]</param>
    /// <param name="rows">Rows of x: T * B for a whole sequence.</param>
    /// <param name="count">Rows of the table.</param>
    /// <param name="size">Columns of the table.</param>
    /// <returns>[rows, size]</returns>
    public static double[] Forward(double[] x, double[] weight, int rows, int count, int size)
    {
        Require.Length(x, rows);
        Require.Length(weight, count * size);
        var y = new double[rows * size];
        for (var r = 0; r < rows; r++)
        {
            // one row of the table times 1, the others times 0
            for (var k = 0; k < count; k++)
            {
                for (var c = 0; c < size && x[r] == k; c++)
                {
                    y[r * size + c] += weight[k * size + c];
                }
            }
        }
        return y;
    }
}
