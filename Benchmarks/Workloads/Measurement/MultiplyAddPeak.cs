using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sequor.Layers;
using Sequor.Layers.Cpu;

namespace Sequor.Workloads;

/// <summary>
/// The rate of multiplications with additions in registers, of as many of a CPU's threads as run at a time: no product of matrices, which
/// also has to load them, exceeds it.
/// </summary>
internal static class MultiplyAddPeak
{
    // Two units that take four cycles need eight sums to be busy, and six units, as wide cores of ARM have, 24. Where there are 16 registers,
    // cores have two units of the widest vectors.
    private const int FewSums = 12;
    private const int ManySums = 24;

    // A part of a job takes about a tenth of a millisecond, beside which the hand-over to the threads does not matter.
    private const int Rounds = 30_000;

    /// <summary>Operations a second, two for each multiplication with its addition; the fastest of several.</summary>
    public static double Measure(CpuBackend backend, PeakTimer timer, TimeSpan time)
    {
        int parts = backend.Concurrency;
        var job = new Job(backend.Lanes, parts);
        void Run() => backend.Run(job, parts);
        Run();
        int sums = CpuInstructions.ManyRegisters ? ManySums : FewSums;
        double flops = 2.0 * sums * Rounds * backend.Lanes * parts / timer.Best(Run, time);
        // The sums approach a finite limit; that they are looked at keeps the work.
        return job.IsFinite ? flops : 0;
    }

    private sealed class Job(int lanes, int parts) : ParallelJob
    {
        private readonly float[] _results = new float[parts];

        public bool IsFinite => _results.All(float.IsFinite);

        public override void Execute(int part) =>
            _results[part] = lanes switch
            {
                16 => Multiply<Vector512<float>, Lanes512>(),
                8 => Multiply<Vector256<float>, Lanes256>(),
                _ => Multiply<Vector128<float>, Lanes128>(),
            };

        // As fast as it gets at once: no loop would be counted until it is worth it.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static float Multiply<TV, TO>()
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            TV factor = TO.Set(-0.73f);
            TV term = TO.Set(0.37f);
            TV a = TO.Set(0.0f);
            TV b = TO.Set(0.1f);
            TV c = TO.Set(0.2f);
            TV d = TO.Set(0.3f);
            TV e = TO.Set(0.4f);
            TV f = TO.Set(0.5f);
            TV g = TO.Set(0.6f);
            TV h = TO.Set(0.7f);
            TV i = TO.Set(0.8f);
            TV j = TO.Set(0.9f);
            TV k = TO.Set(1.0f);
            TV l = TO.Set(1.1f);
            TV m = TO.Set(1.3f);
            TV n = TO.Set(1.4f);
            TV o = TO.Set(1.5f);
            TV p = TO.Set(1.6f);
            TV q = TO.Set(1.7f);
            TV r = TO.Set(1.8f);
            TV s = TO.Set(1.9f);
            TV t = TO.Set(2.0f);
            TV u = TO.Set(2.1f);
            TV v = TO.Set(2.2f);
            TV w = TO.Set(2.3f);
            TV x = TO.Set(2.4f);
            for (int round = 0; round < Rounds; round++)
            {
                a = TO.Fma(a, factor, term);
                b = TO.Fma(b, factor, term);
                c = TO.Fma(c, factor, term);
                d = TO.Fma(d, factor, term);
                e = TO.Fma(e, factor, term);
                f = TO.Fma(f, factor, term);
                g = TO.Fma(g, factor, term);
                h = TO.Fma(h, factor, term);
                i = TO.Fma(i, factor, term);
                j = TO.Fma(j, factor, term);
                k = TO.Fma(k, factor, term);
                l = TO.Fma(l, factor, term);
                // Known as this is compiled.
                if (CpuInstructions.ManyRegisters)
                {
                    m = TO.Fma(m, factor, term);
                    n = TO.Fma(n, factor, term);
                    o = TO.Fma(o, factor, term);
                    p = TO.Fma(p, factor, term);
                    q = TO.Fma(q, factor, term);
                    r = TO.Fma(r, factor, term);
                    s = TO.Fma(s, factor, term);
                    t = TO.Fma(t, factor, term);
                    u = TO.Fma(u, factor, term);
                    v = TO.Fma(v, factor, term);
                    w = TO.Fma(w, factor, term);
                    x = TO.Fma(x, factor, term);
                }
            }
            return TO.Sum(
                TO.Add(
                    TO.Add(
                        TO.Add(TO.Add(a, TO.Add(b, c)), TO.Add(d, TO.Add(e, f))),
                        TO.Add(TO.Add(g, TO.Add(h, i)), TO.Add(j, TO.Add(k, l)))
                    ),
                    TO.Add(
                        TO.Add(TO.Add(m, TO.Add(n, o)), TO.Add(p, TO.Add(q, r))),
                        TO.Add(TO.Add(s, TO.Add(t, u)), TO.Add(v, TO.Add(w, x)))
                    )
                )
            );
        }
    }
}
