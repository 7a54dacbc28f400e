using System.Runtime.InteropServices;
using Sequor.Layers;

namespace Sequor.C;

// Plans: forward and backward passes on values of the host or on tensors.
internal static unsafe partial class Exports
{
    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_create))]
    public static int sequor_plan_create(
        ulong model,
        ulong backend,
        PlanOptionsStruct* options,
        ulong* plan
    )
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(plan, nameof(plan));
            *plan = 0;
            HeldModel held = Handles.Get<HeldModel>(model, HandleKind.Model);
            Backend on = Handles.Get<HeldBackend>(backend, HandleKind.Backend).Backend;
            Input.RequirePlace(options, nameof(options));
            PlanOptionsStruct read = Structs.Read(options, "sequor_plan_options");
            Input.RequireReserved(read.Reserved);
            int mode = Input.Choice(read.Mode, "mode", ["training", "evaluation", "streaming"]);
            var more = new PlanOptions
            {
                VariableLengths = Input.Flag(read.VariableLengths, "variable_lengths"),
                InputGradient = Input.Flag(read.InputGradient, "input_gradient"),
                States = Input.Flag(read.States, "states"),
                Carry = Input.Flag(read.Carry, "carry"),
                GradientInOutput = Input.Flag(read.GradientInOutput, "gradient_in_output"),
                Seed = read.Seed == 0 ? 1 : read.Seed,
            };
            using OwnerScope owner = Entry.Into(held.Model);
            using OwnerScope inside = Entry.Into(on);
            Plan made = held.Model.Plan(on, read.MaxLength, read.MaxBatch, (Mode)mode, more);
            try
            {
                *plan = Handles.Add(HandleKind.Plan, new HeldPlan(made, more.States));
            }
            catch
            {
                made.Dispose();
                throw;
            }
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_set_input))]
    public static int sequor_plan_set_input(
        ulong plan,
        float* x,
        long count,
        int length,
        int batch,
        int* lengths,
        long lengths_count
    )
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            ReadOnlySpan<float> values = Input.Values(x, count, nameof(x));
            ReadOnlySpan<int> steps = Input.Values(lengths, lengths_count, nameof(lengths));
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            held.Plan.SetInput(values, length, batch, steps);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_input))]
    public static int sequor_plan_input(ulong plan, int length, int batch, ulong* tensor)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(tensor, nameof(tensor));
            *tensor = 0;
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            *tensor = Hold(held.Plan.Input(length, batch));
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_forward))]
    public static int sequor_plan_forward(
        ulong plan,
        float* x,
        long count,
        int length,
        int batch,
        int* lengths,
        long lengths_count
    )
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            ReadOnlySpan<float> values = Input.Values(x, count, nameof(x));
            ReadOnlySpan<int> steps = Input.Values(lengths, lengths_count, nameof(lengths));
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            held.Plan.Forward(values, length, batch, steps);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_forward_tensor))]
    public static int sequor_plan_forward_tensor(
        ulong plan,
        ulong x,
        int* lengths,
        long lengths_count
    )
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            HeldTensor values = Handles.Get<HeldTensor>(x, HandleKind.Tensor);
            ReadOnlySpan<int> steps = Input.Values(lengths, lengths_count, nameof(lengths));
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            held.Plan.Forward(values.Tensor, steps);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_forward_packed))]
    public static int sequor_plan_forward_packed(
        ulong plan,
        float* rows,
        long count,
        int* lengths,
        long lengths_count
    )
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            ReadOnlySpan<float> values = Input.Values(rows, count, nameof(rows));
            ReadOnlySpan<int> steps = Input.Values(lengths, lengths_count, nameof(lengths));
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            held.Plan.ForwardPacked(values, steps);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_forward_packed_tensor))]
    public static int sequor_plan_forward_packed_tensor(
        ulong plan,
        ulong rows,
        int* lengths,
        long lengths_count
    )
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            HeldTensor values = Handles.Get<HeldTensor>(rows, HandleKind.Tensor);
            ReadOnlySpan<int> steps = Input.Values(lengths, lengths_count, nameof(lengths));
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            Tensor given = values.Tensor;
            // As PyTorch's PackedSequence has them.
            if (given.Shape.Rank == 2)
                given = given.View(new Shape(given.Shape[0], 1, given.Shape[1]));
            held.Plan.ForwardPacked(given, steps);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_output_shape))]
    public static int sequor_plan_output_shape(ulong plan, int* rank, int* sizes)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            Output.Shape(held.RequireOutput().Shape, rank, sizes);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_read_output))]
    public static int sequor_plan_read_output(ulong plan, float* values, long count)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            Span<float> places = Input.Places(values, count, nameof(values));
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            held.RequireOutput().Read(places);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_output))]
    public static int sequor_plan_output(ulong plan, ulong* tensor)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(tensor, nameof(tensor));
            *tensor = 0;
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            *tensor = Hold(held.RequireOutput());
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_backward))]
    public static int sequor_plan_backward(ulong plan, float* gradient, long count, int accumulate)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            ReadOnlySpan<float> values = Input.Values(gradient, count, nameof(gradient));
            bool adds = Input.Flag(accumulate, nameof(accumulate));
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            held.Plan.Backward(held.Load(values), adds);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_backward_tensor))]
    public static int sequor_plan_backward_tensor(ulong plan, ulong gradient, int accumulate)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            HeldTensor values = Handles.Get<HeldTensor>(gradient, HandleKind.Tensor);
            bool adds = Input.Flag(accumulate, nameof(accumulate));
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            held.Plan.Backward(values.Tensor, adds);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_input_gradient))]
    public static int sequor_plan_input_gradient(ulong plan, ulong* tensor)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(tensor, nameof(tensor));
            *tensor = 0;
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            held.Plan.RequireLive();
            if (held.Plan.InputGradient.IsEmpty)
                throw new RefusedException(
                    Status.State,
                    "The plan has no gradient of its input: it needs input_gradient when it is made, and a backward pass."
                );
            *tensor = Hold(held.Plan.InputGradient);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_gradient))]
    public static int sequor_plan_gradient(ulong plan, byte* name, ulong* tensor)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(tensor, nameof(tensor));
            *tensor = 0;
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            *tensor = Hold(held.Plan.Gradient(Input.Text(name, nameof(name))));
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_reset))]
    public static int sequor_plan_reset(ulong plan)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldPlan held = Handles.Get<HeldPlan>(plan, HandleKind.Plan);
            using OwnerScope inside = Entry.Into(held.Plan.Backend);
            held.Reset();
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_plan_free))]
    public static int sequor_plan_free(ulong plan)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Handles.Free<HeldPlan>(plan, HandleKind.Plan, held => held.Close());
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }
}
