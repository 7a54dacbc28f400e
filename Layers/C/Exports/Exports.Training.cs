using System.Runtime.InteropServices;
using Sequor.Layers;

namespace Sequor.C;

// Training: steps that a GPU runs as one piece, and checkpoints.
internal static unsafe partial class Exports
{
    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_step_create))]
    public static int sequor_step_create(ulong loss, ulong optimizer, ulong* step)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(step, nameof(step));
            *step = 0;
            Loss judge = Handles.Get<Loss>(loss, HandleKind.Loss);
            Optimizer update = Handles.Get<Optimizer>(optimizer, HandleKind.Optimizer);
            *step = Handles.Add(HandleKind.Step, new HeldStep(judge, update));
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_step_run))]
    public static int sequor_step_run(ulong step)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldStep held = Handles.Get<HeldStep>(step, HandleKind.Step);
            using OwnerScope inside = Entry.Into(held.Backend);
            held.RequireInput();
            held.Graph.Run();
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_step_runs))]
    public static int sequor_step_runs(ulong step, long* replayed, long* plain)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldStep held = Handles.Get<HeldStep>(step, HandleKind.Step);
            if (replayed is not null)
                *replayed = held.Graph.Replays;
            if (plain is not null)
                *plain = held.Graph.EagerRuns;
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_step_free))]
    public static int sequor_step_free(ulong step)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Handles.Free<HeldStep>(
                step,
                HandleKind.Step,
                held =>
                {
                    using OwnerScope inside = Entry.Into(held.Backend, nameof(sequor_step_free));
                    held.Graph.Dispose();
                }
            );
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_checkpoint_save))]
    public static int sequor_checkpoint_save(
        byte* path,
        ulong plan,
        ulong optimizer,
        long position,
        int keep
    )
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            string file = Input.Path(path);
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            Optimizer state = Handles.Get<Optimizer>(optimizer, HandleKind.Optimizer);
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            Checkpoint.Save(file, held.Plan, state, position, NoTexts, keep: keep);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_checkpoint_load))]
    public static int sequor_checkpoint_load(
        byte* path,
        ulong plan,
        ulong optimizer,
        long* position
    )
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            string file = Input.Path(path);
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            Optimizer? state =
                optimizer == 0 ? null : Handles.Get<Optimizer>(optimizer, HandleKind.Optimizer);
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            long next = Checkpoint.Load(file, held.Plan, state);
            if (position is not null)
                *position = next;
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    private static readonly Dictionary<string, string> NoTexts = [];
}
