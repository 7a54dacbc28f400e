using System.Globalization;
using Sequor.Layers;

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

    /// <summary>The width with which a model's parameter count comes nearest to a budget.</summary>
    /// <param name="architecture">The architecture.</param>
    /// <param name="task">Gives channels in and out.</param>
    /// <param name="parameters">The budget, 1 to <see cref="Largest"/>.</param>
    /// <param name="depth">Layers, levels or blocks.</param>
    /// <exception cref="BudgetException">No width comes within 5% of the budget.</exception>
    /// <exception cref="ArgumentException">There is no model of this depth.</exception>
    public static int FindWidth(
        Architecture architecture,
        SequenceTask task,
        long parameters,
        int depth
    )
    {
        ArgumentNullException.ThrowIfNull(architecture);
        ArgumentOutOfRangeException.ThrowIfLessThan(parameters, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(parameters, Largest);
        int above = LeastWidthReaching(Count, parameters);
        long countAbove = Count(above);
        int below = Math.Max(above - 1, 1);
        long countBelow = Count(below);
        bool takeAbove = countAbove - parameters < parameters - countBelow;
        (int width, long count) = takeAbove ? (above, countAbove) : (below, countBelow);
        if (Math.Abs(count - parameters) <= Tolerance * parameters)
            return width;
        string nearest =
            above == below
                ? $"width {above} gives {countAbove}"
                : $"width {below} gives {countBelow}, width {above} gives {countAbove}";
        throw new BudgetException(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{architecture.Name}: no width comes within 5% of {Amount.Of(parameters, "parameter")}; {nearest}"
            )
        );

        long Count(int width)
        {
            try
            {
                using Sequential model = architecture.Create(task, width, depth);
                return model.ParameterCount;
            }
            catch (ArgumentException) when (width > 1)
            {
                // More than a model can have; that it can have none of this depth shows at the least width.
                return long.MaxValue;
            }
        }
    }

    // Counts grow with the width.
    private static int LeastWidthReaching(Func<int, long> count, long parameters)
    {
        int high = 1;
        while (high < WidestWidth && count(high) < parameters)
            high *= 2;
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
