using Sequor.Layers;

namespace Sequor.C;

/// <summary>A plan that a caller holds, and the place of gradients that come from the host.</summary>
internal sealed class HeldPlan(Plan plan, bool states)
{
    private Storage? _gradient;

    /// <summary>The plan.</summary>
    public Plan Plan { get; } = plan;

    /// <summary>Copies the gradient of the output in, to memory that is taken when this happens for the first time.</summary>
    /// <exception cref="RefusedException">No forward pass came before, or the output has another number of values.</exception>
    public Tensor Load(ReadOnlySpan<float> gradient)
    {
        Plan.RequireLive();
        // Of the output the shape is wanted, which is there where a loss has written over its values.
        Tensor output = Required(Plan.OutputPlace);
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
        if (Plan.OutputIsGradient)
            throw new RefusedException(
                Status.State,
                "The loss has written the gradient over the plan's output (gradient_in_output): read it between the forward pass and the loss."
            );
        return Required(Plan.Output);
    }

    private static Tensor Required(Tensor output) =>
        output.IsEmpty
            ? throw new RefusedException(
                Status.State,
                "The plan has no output: no forward pass came before."
            )
            : output;

    /// <summary>The states of all recurrent layers.</summary>
    /// <exception cref="RefusedException">The plan was made without.</exception>
    public PlanStates RequireStates()
    {
        Plan.RequireLive();
        return states
            ? Plan.States
            : throw new RefusedException(
                Status.State,
                "The plan has no states: it needs states when it is made."
            );
    }

    /// <summary>States of a layer, in the numbers of sequor.h.</summary>
    /// <param name="layer">Its name.</param>
    /// <param name="which">Which of them.</param>
    /// <param name="batch">B of initial states; 0 of others, which have that of the last pass.</param>
    /// <exception cref="RefusedException">There are none such, or not yet.</exception>
    public Tensor State(string layer, int which, int batch)
    {
        RecurrentStates all = RequireStates()[layer];
        int kind = Input.Choice(
            which,
            nameof(which),
            [
                "initial hidden",
                "initial cell",
                "final hidden",
                "final cell",
                "gradient of final hidden",
                "gradient of final cell",
                "gradient of initial hidden",
                "gradient of initial cell",
            ]
        );
        if (kind > 1 && batch != 0)
            throw new RefusedException(
                Status.Argument,
                $"'batch' is {batch}; it must be 0 for what a pass leaves, which has the batch of that pass."
            );
        bool cell = kind % 2 == 1;
        if (cell && all.Layer is not Lstm)
            throw new RefusedException(
                Status.State,
                $"The layer '{layer}' has no cells: only an LSTM has."
            );
        RecurrentState state = (kind / 2) switch
        {
            0 => all.Initial(batch),
            1 => all.Final,
            2 => all.FinalGradient,
            _ => all.InitialGradient,
        };
        Tensor tensor = cell ? state.Cell : state.Hidden;
        return tensor.IsEmpty
            ? throw new RefusedException(
                Status.State,
                "There are no such states: no pass came before that leaves them."
            )
            : tensor;
    }

    /// <summary>Begins a stream anew, or sets all initial states to zero.</summary>
    public void Reset()
    {
        if (states)
            Plan.States.Reset();
        else
            Plan.Reset();
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
