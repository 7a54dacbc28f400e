using Sequor.Layers;

namespace Sequor.C;

/// <summary>A plan that a caller holds, and the place of gradients that come from the host.</summary>
internal sealed class HeldPlan(Plan plan)
{
    private Storage? _gradient;

    /// <summary>The plan.</summary>
    public Plan Plan { get; } = plan;

    /// <summary>Copies the gradient of the output in, to memory that is taken when this happens for the first time.</summary>
    /// <exception cref="RefusedException">There is no output, or it has another number of values.</exception>
    public Tensor Load(ReadOnlySpan<float> gradient)
    {
        Tensor output = RequireOutput();
        if (gradient.Length != output.Count)
            throw new RefusedException(
                Status.Argument,
                $"The output {output.Shape} has {output.Count} values, and its gradient {gradient.Length}."
            );
        _gradient ??= Plan.Backend.Allocate(Plan.MaxOutput.Count, MemoryCategory.InputOutput);
        Tensor place = _gradient.View(output.Shape);
        place.Write(gradient);
        return place;
    }

    /// <summary>The output of the last forward pass.</summary>
    /// <exception cref="RefusedException">There was none.</exception>
    public Tensor RequireOutput()
    {
        Plan.RequireLive();
        return Plan.Output.IsEmpty
            ? throw new RefusedException(
                Status.State,
                "The plan has no output: no forward pass came before."
            )
            : Plan.Output;
    }

    /// <summary>Frees the plan; a second call does nothing.</summary>
    public void Close()
    {
        using OwnerScope inside = Entry.Into(Plan.Backend, "sequor_plan_free");
        _gradient?.Dispose();
        _gradient = null;
        Plan.Dispose();
    }
}
