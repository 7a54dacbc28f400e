namespace Sequor.Reference;

/// <summary>From a sequence to one vector an example.</summary>
public static class Pooling
{
    /// <summary>The last time step.</summary>
    /// <param name="x">[T, B, C]</param>
    /// <param name="time">T</param>
    /// <param name="batch">B</param>
    /// <param name="channels">C</param>
    /// <returns>[B, C]</returns>
    public static double[] Last(double[] x, int time, int batch, int channels)
    {
        Require.Length(x, time * batch * channels);
        return x[((time - 1) * batch * channels)..];
    }

    /// <summary>Of the first half of the channels the last time step, of the second half the first.</summary>
    /// <param name="x">[T, B, C]</param>
    /// <param name="time">T</param>
    /// <param name="batch">B</param>
    /// <param name="channels">C, even</param>
    /// <returns>[B, C]</returns>
    public static double[] BothEnds(double[] x, int time, int batch, int channels)
    {
        Require.Length(x, time * batch * channels);
        var y = new double[batch * channels];
        for (var i = 0; i < y.Length; i++)
        {
            var t = i % channels < channels / 2 ? time - 1 : 0;
            y[i] = x[t * y.Length + i];
        }
        return y;
    }

    /// <summary>The mean over time.</summary>
    /// <param name="x">[T, B, C]</param>
    /// <param name="time">T</param>
    /// <param name="batch">B</param>
    /// <param name="channels">C</param>
    /// <returns>[B, C]</returns>
    public static double[] Mean(double[] x, int time, int batch, int channels)
    {
        Require.Length(x, time * batch * channels);
        var y = new double[batch * channels];
        for (var t = 0; t < time; t++)
        {
            for (var i = 0; i < y.Length; i++)
            {
                y[i] += x[t * y.Length + i] / time;
            }
        }
        return y;
    }
}
