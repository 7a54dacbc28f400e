using System.Globalization;
using Sequor.Layers;
using static Sequor.Workloads.Figures;

namespace Sequor.Workloads;

/// <summary>Sizes models so that all have about the same number of parameters.</summary>
public static class Budget
{
    /// <summary>How far from the budget a model may be.</summary>
    public const double Tolerance = 0.05;

    /// <summary>The largest budget: tensors have at most 2^31 - 1 values.</summary>
    public const long Largest = 2_000_000_000;

    // Above it the sizes of weights do not fit an int; a budget that large is met long before.
    private const int WidestWidth = 1 << 24;

    // Widths at either side of the budget whose other size is looked for.
    private const int MostTurned = 8;

    /// <summary>
    /// The sizes with which a model's parameter count comes nearest to a budget: the usual ones of some width; where none of these
    /// meets it, those of one of the two nearest widths, with another value of the architecture's <see cref="Architecture.Knob"/>.
    /// </summary>
    /// <param name="architecture">The architecture.</param>
    /// <param name="task">Gives channels in and out.</param>
    /// <param name="parameters">The budget, 1 to <see cref="Largest"/>.</param>
    /// <param name="depth">Layers, levels or blocks; null for the usual number, or what the budget asks for.</param>
    /// <param name="variant">What else is asked for, and stays as it is.</param>
    /// <exception cref="BudgetException">Nothing comes within 5% of the budget; the message tells the nearest two.</exception>
    /// <exception cref="ArgumentException">There is no model of this depth or variant.</exception>
    public static PresetModel Find(
        Architecture architecture,
        SequenceTask task,
        long parameters,
        int? depth = null,
        ModelVariant? variant = null
    )
    {
        var search = new Search(architecture, ModelEnds.Of(task), parameters);
        variant ??= ModelVariant.Usual;
        SizeKnob? knob = architecture.Knob;
        return search.ByWidth(
            width => architecture.Sized(width, depth ?? architecture.DefaultDepth, variant),
            knob?.IsGiven(variant, depth) == true ? null : knob
        );
    }

    // The least number from 1 on whose count reaches the parameters, or the most; counts grow with the number.
    private static int LeastReaching(Func<int, long> count, long parameters, int most)
    {
        int high = 1;
        while (high < most && count(high) < parameters)
            high = (int)Math.Min(most, 2L * high);
        int low = high / 2;
        while (high - low > 1)
        {
            int middle = low + ((high - low) / 2);
            if (count(middle) < parameters)
                low = middle;
            else
                high = middle;
        }
        return high;
    }

    /// <summary>Sizes that were counted.</summary>
    private readonly record struct Candidate(PresetModel Sizes, long Count)
    {
        public long Miss(long parameters) =>
            Count == long.MaxValue ? long.MaxValue : Math.Abs(Count - parameters);
    }

    /// <summary>The search for one budget.</summary>
    private sealed class Search
    {
        private readonly Architecture _architecture;
        private readonly ModelEnds _ends;
        private readonly long _parameters;

        public Search(Architecture architecture, ModelEnds ends, long parameters)
        {
            ArgumentNullException.ThrowIfNull(architecture);
            ArgumentOutOfRangeException.ThrowIfLessThan(parameters, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(parameters, Largest);
            (_architecture, _ends, _parameters) = (architecture, ends, parameters);
        }

        public PresetModel ByWidth(Func<int, PresetModel> sized, SizeKnob? knob)
        {
            int step = _architecture.WidthStep;
            int most = WidestWidth / step;
            // That there is no model at all of this depth or variant shows at the least width.
            Candidate[] widths = Around(n => Counted(sized(n * step), catches: n > 1), most);
            // The narrower one where both miss by as much.
            Candidate nearest = widths.MinBy(c => c.Miss(_parameters));
            if (Meets(nearest))
                return nearest.Sizes;
            string every = step == 1 ? "" : Text($" that is a multiple of {step}");
            if (knob is null)
                throw Missed($"no width{every}", widths, c => Text($"width {c.Sizes.Hidden}"));
            var turned = new List<Candidate>();
            int first = widths[0].Sizes.Hidden;
            int last = widths[^1].Sizes.Hidden;
            for (int i = 0; i < MostTurned; i++)
            {
                // The widths next to the budget first, as these keep the usual proportions best.
                int[] next = i == 0 ? [first, last] : [first - (i * step), last + (i * step)];
                turned.AddRange(
                    next.Where(width => width >= step)
                        .Distinct()
                        .SelectMany(width => Turned(sized(width), knob))
                );
                Candidate best = turned.MinBy(c => c.Miss(_parameters));
                if (Meets(best))
                    return best.Sizes;
            }
            throw Missed(
                $"no width{every} with any {knob.Name}",
                turned.OrderBy(c => c.Miss(_parameters)).Take(2).OrderBy(c => c.Count),
                c => Text($"width {c.Sizes.Hidden} with {knob.Name} {knob.Of(c.Sizes)}")
            );
        }

        private Candidate[] Turned(PresetModel sizes, SizeKnob knob) =>
            Around(
                n => Counted(knob.With(sizes, n * knob.Step), catches: true),
                knob.Most / knob.Step
            );

        // The two numbers next to the budget, or the least or the most alone.
        private Candidate[] Around(Func<int, Candidate> at, int most)
        {
            int above = LeastReaching(n => at(n).Count, _parameters, most);
            return above == 1 ? [at(1)] : [at(above - 1), at(above)];
        }

        private bool Meets(Candidate candidate) =>
            candidate.Miss(_parameters) <= Tolerance * _parameters;

        private Candidate Counted(PresetModel sizes, bool catches)
        {
            try
            {
                using Sequential model = _architecture.Create(_ends, sizes);
                return new Candidate(sizes, model.ParameterCount);
            }
            catch (ArgumentException) when (catches)
            {
                // More than a model can have.
                return new Candidate(sizes, long.MaxValue);
            }
        }

        private BudgetException Missed(
            string what,
            IEnumerable<Candidate> nearest,
            Func<Candidate, string> name
        ) =>
            new(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{_architecture.Name}: {what} comes within 5% of {Amount.Of(_parameters, "parameter")}; {string.Join(", ", nearest.Select(c => Text($"{name(c)} gives {c.Count}")))}"
                )
            );
    }
}

/// <summary>No width gives a model of about as many parameters as asked for.</summary>
public sealed class BudgetException : Exception
{
    /// <summary>An error without details.</summary>
    public BudgetException()
        : this("No width meets the budget.") { }

    /// <summary>An error that says what the nearest widths give.</summary>
    public BudgetException(string message)
        : base(message) { }

    /// <summary>An error with its cause.</summary>
    public BudgetException(string message, Exception inner)
        : base(message, inner) { }
}
