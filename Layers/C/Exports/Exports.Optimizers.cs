using System.Runtime.InteropServices;
using Sequor.Layers;

namespace Sequor.C;

// Optimizers: what changes a model's parameters by their gradients.
internal static unsafe partial class Exports
{
    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_optimizer_create))]
    public static int sequor_optimizer_create(ulong plan, byte* description, ulong* optimizer)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(optimizer, nameof(optimizer));
            *optimizer = 0;
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            Optimizer made = Json.Read(
                description,
                place => OptimizerDescription.Make(place, held.Plan)
            );
            *optimizer = Hold(HandleKind.Optimizer, made);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_optimizer_step))]
    public static int sequor_optimizer_step(ulong optimizer, float clip)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Optimizer held = Handles.Get<Optimizer>(optimizer, HandleKind.Optimizer);
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            if (clip == 0)
                held.Step();
            else
                held.Step(clip);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_optimizer_learning_rate))]
    public static int sequor_optimizer_learning_rate(ulong optimizer, float* rate)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(rate, nameof(rate));
            Optimizer held = Handles.Get<Optimizer>(optimizer, HandleKind.Optimizer);
            *rate = held.LearningRate;
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_optimizer_set_learning_rate))]
    public static int sequor_optimizer_set_learning_rate(ulong optimizer, float rate)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Optimizer held = Handles.Get<Optimizer>(optimizer, HandleKind.Optimizer);
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            held.LearningRate = rate;
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_optimizer_step_count))]
    public static int sequor_optimizer_step_count(ulong optimizer, long* count)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(count, nameof(count));
            Optimizer held = Handles.Get<Optimizer>(optimizer, HandleKind.Optimizer);
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            *count = ReadCount(held, OptimizerUpdate.Step);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_optimizer_skipped_steps))]
    public static int sequor_optimizer_skipped_steps(ulong optimizer, long* count)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(count, nameof(count));
            Optimizer held = Handles.Get<Optimizer>(optimizer, HandleKind.Optimizer);
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            *count = ReadCount(held, OptimizerUpdate.Skipped);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_optimizer_gradient_norm))]
    public static int sequor_optimizer_gradient_norm(ulong optimizer, float* norm)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(norm, nameof(norm));
            Optimizer held = Handles.Get<Optimizer>(optimizer, HandleKind.Optimizer);
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            *norm = held.GradientNorm;
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_optimizer_free))]
    public static int sequor_optimizer_free(ulong optimizer)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Handles.Free<Optimizer>(
                optimizer,
                HandleKind.Optimizer,
                held =>
                {
                    using OwnerScope inside = Entry.Into(
                        held.Plan.Backend,
                        nameof(sequor_optimizer_free)
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

    private static long ReadCount(Optimizer optimizer, int which)
    {
        float count = 0;
        optimizer.State.Slice(which, 1).Read(new Span<float>(ref count));
        return (long)count;
    }
}
