using System.Runtime.InteropServices;
using Sequor.Layers;

namespace Sequor.C;

// Losses: what compares a plan's output with targets.
internal static unsafe partial class Exports
{
    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_loss_create))]
    public static int sequor_loss_create(ulong plan, byte* description, ulong* loss)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(loss, nameof(loss));
            *loss = 0;
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            Loss made = Json.Read(description, place => LossDescription.Make(place, held.Plan));
            *loss = Hold(HandleKind.Loss, made);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_loss_set_targets))]
    public static int sequor_loss_set_targets(
        ulong loss,
        float* targets,
        long count,
        float* weights,
        long weights_count
    )
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Loss held = Handles.Get<Loss>(loss, HandleKind.Loss);
            ReadOnlySpan<float> wanted = Input.Values(targets, count, nameof(targets));
            ReadOnlySpan<float> mask = Input.Values(weights, weights_count, nameof(weights));
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            held.SetTargets(wanted, mask);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_loss_compute))]
    public static int sequor_loss_compute(ulong loss)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Loss held = Handles.Get<Loss>(loss, HandleKind.Loss);
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            held.Compute();
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_loss_backward))]
    public static int sequor_loss_backward(ulong loss, int accumulate)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Loss held = Handles.Get<Loss>(loss, HandleKind.Loss);
            bool adds = Input.Flag(accumulate, nameof(accumulate));
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            held.Plan.Backward(held.Compute(), adds);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_loss_value))]
    public static int sequor_loss_value(ulong loss, float* value)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(value, nameof(value));
            Loss held = Handles.Get<Loss>(loss, HandleKind.Loss);
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            *value = held.ReadValue();
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_loss_gradient))]
    public static int sequor_loss_gradient(ulong loss, ulong* tensor)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(tensor, nameof(tensor));
            *tensor = 0;
            Loss held = Handles.Get<Loss>(loss, HandleKind.Loss);
            if (held.Plan.OutputPlace.IsEmpty || held.Gradient.IsEmpty)
                throw new RefusedException(
                    Status.State,
                    "The loss has no gradient: its plan is not for training, or no forward pass came before."
                );
            *tensor = Hold(held.Gradient);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_loss_free))]
    public static int sequor_loss_free(ulong loss)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Handles.Free<Loss>(
                loss,
                HandleKind.Loss,
                held =>
                {
                    using OwnerScope inside = Entry.Into(
                        held.Plan.Backend,
                        nameof(sequor_loss_free)
                    );
                    held.Dispose();
                }
            );
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    private static ulong Hold(HandleKind kind, IDisposable made)
    {
        try
        {
            return Handles.Add(kind, made);
        }
        catch
        {
            made.Dispose();
            throw;
        }
    }
}
