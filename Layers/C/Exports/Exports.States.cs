using System.Runtime.InteropServices;
using Sequor.Layers;

namespace Sequor.C;

// States: what recurrent layers begin with and end with, and what a stream carries from call to call.
internal static unsafe partial class Exports
{
    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_state))]
    public static int sequor_plan_state(
        ulong plan,
        byte* layer,
        int which,
        int batch,
        ulong* tensor
    )
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(tensor, nameof(tensor));
            *tensor = 0;
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            string name = Input.Text(layer, nameof(layer));
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            *tensor = Hold(held.State(name, which, batch));
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_carry_over))]
    public static int sequor_plan_carry_over(ulong plan)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            held.RequireStates().CarryOver();
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_stream_state))]
    public static int sequor_plan_stream_state(ulong plan, ulong* state)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(state, nameof(state));
            *state = 0;
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            *state = Handles.Add(HandleKind.StreamState, held.Plan.GetState());
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_set_stream_state))]
    public static int sequor_plan_set_stream_state(ulong plan, ulong state)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            StreamState read = Handles.Get<StreamState>(state, HandleKind.StreamState);
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            held.Plan.SetState(read);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_stream_state_free))]
    public static int sequor_stream_state_free(ulong state)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Handles.Free<StreamState>(state, HandleKind.StreamState, _ => { });
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }
}
