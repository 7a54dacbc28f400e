using System.Runtime.InteropServices;
using Sequor.Layers;

namespace Sequor.C;

// Models: made of descriptions; their values by name; files.
internal static unsafe partial class Exports
{
    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_model_create))]
    public static int sequor_model_create(byte* description, ulong* model)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(model, nameof(model));
            *model = 0;
            Layer made = Json.Read(description, LayerDescription.Model);
            *model = Handles.Add(HandleKind.Model, new HeldModel(made));
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_model_channels))]
    public static int sequor_model_channels(ulong model, int* input, int* output)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldModel held = Handles.Get<HeldModel>(model, HandleKind.Model);
            if (input is not null)
                *input = held.Model.InputSize;
            if (output is not null)
                *output = held.Model.OutputSize;
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_model_parameter_count))]
    public static int sequor_model_parameter_count(ulong model, long* count)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(count, nameof(count));
            *count = Handles.Get<HeldModel>(model, HandleKind.Model).Model.ParameterCount;
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_model_value_count))]
    public static int sequor_model_value_count(ulong model, int* count)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(count, nameof(count));
            *count = Handles.Get<HeldModel>(model, HandleKind.Model).Values.Count;
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_model_value))]
    public static int sequor_model_value(
        ulong model,
        int index,
        byte* buffer,
        nuint capacity,
        nuint* size,
        int* rank,
        int* sizes,
        int* trained
    )
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldModel held = Handles.Get<HeldModel>(model, HandleKind.Model);
            if ((uint)index >= (uint)held.Values.Count)
                throw new RefusedException(
                    Status.Argument,
                    $"'index' is {index}; the model has {Amount.Of(held.Values.Count, "value")}, counted from 0."
                );
            NamedParameter value = held.Values[index];
            Output.Shape(value.Parameter.Shape, rank, sizes);
            if (trained is not null)
                *trained = index < held.Trained ? 1 : 0;
            Output.Text(value.Name, buffer, capacity, size);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_model_initialize))]
    public static int sequor_model_initialize(ulong model, ulong backend, ulong seed)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldModel held = Handles.Get<HeldModel>(model, HandleKind.Model);
            Backend on = Handles.Get<HeldBackend>(backend, HandleKind.Backend).Backend;
            using OwnerScope owner = Entry.Into(held.Model);
            using OwnerScope inside = Entry.Into(on);
            held.Model.Initialize(on, seed);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_model_read))]
    public static int sequor_model_read(ulong model, byte* name, float* values, long count)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldModel held = Handles.Get<HeldModel>(model, HandleKind.Model);
            string named = Input.Text(name, nameof(name));
            Span<float> places = Input.Places(values, count, nameof(values));
            using OwnerScope owner = Entry.Into(held.Model);
            using OwnerScope inside = Entry.IntoBackendOf(held.Model);
            held.Find(named).Read(places);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_model_write))]
    public static int sequor_model_write(ulong model, byte* name, float* values, long count)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldModel held = Handles.Get<HeldModel>(model, HandleKind.Model);
            string named = Input.Text(name, nameof(name));
            ReadOnlySpan<float> given = Input.Values(values, count, nameof(values));
            using OwnerScope owner = Entry.Into(held.Model);
            using OwnerScope inside = Entry.IntoBackendOf(held.Model);
            held.Find(named).Write(given);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_model_tensor))]
    public static int sequor_model_tensor(ulong model, byte* name, ulong* tensor)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Input.RequirePlace(tensor, nameof(tensor));
            *tensor = 0;
            HeldModel held = Handles.Get<HeldModel>(model, HandleKind.Model);
            *tensor = Hold(held.Find(Input.Text(name, nameof(name))));
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_model_save))]
    public static int sequor_model_save(ulong model, byte* path)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldModel held = Handles.Get<HeldModel>(model, HandleKind.Model);
            string file = Input.Path(path);
            using OwnerScope owner = Entry.Into(held.Model);
            using OwnerScope inside = Entry.IntoBackendOf(held.Model);
            held.Model.Save(file);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_model_load))]
    public static int sequor_model_load(ulong model, byte* path, ulong backend)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldModel held = Handles.Get<HeldModel>(model, HandleKind.Model);
            string file = Input.Path(path);
            Backend? on =
                backend == 0 ? null : Handles.Get<HeldBackend>(backend, HandleKind.Backend).Backend;
            using OwnerScope owner = Entry.Into(held.Model);
            using OwnerScope inside = on is null ? Entry.IntoBackendOf(held.Model) : Entry.Into(on);
            held.Model.Load(file, on);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_model_save_torch))]
    public static int sequor_model_save_torch(ulong model, byte* path, byte* names)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldModel held = Handles.Get<HeldModel>(model, HandleKind.Model);
            string file = Input.Path(path);
            TorchFileNames given = TorchFileNames.Read(names, ignores: false);
            using OwnerScope owner = Entry.Into(held.Model);
            using OwnerScope inside = Entry.IntoBackendOf(held.Model);
            TorchWeights.Save(held.Model, file, given.Modules);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_model_load_torch))]
    public static int sequor_model_load_torch(ulong model, byte* path, ulong backend, byte* names)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            HeldModel held = Handles.Get<HeldModel>(model, HandleKind.Model);
            string file = Input.Path(path);
            TorchFileNames given = TorchFileNames.Read(names, ignores: true);
            Backend? on =
                backend == 0 ? null : Handles.Get<HeldBackend>(backend, HandleKind.Backend).Backend;
            using OwnerScope owner = Entry.Into(held.Model);
            using OwnerScope inside = on is null ? Entry.IntoBackendOf(held.Model) : Entry.Into(on);
            TorchWeights.Load(held.Model, file, on, given.Modules, given.Ignored);
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = nameof(sequor_model_free))]
    public static int sequor_model_free(ulong model)
    {
        if (Fork.Happened)
            return Fork.Refuse();
        try
        {
            LastError.Clear();
            Handles.Free<HeldModel>(
                model,
                HandleKind.Model,
                held =>
                {
                    using OwnerScope owner = Entry.Into(held.Model, nameof(sequor_model_free));
                    using OwnerScope inside = Entry.IntoBackendOf(
                        held.Model,
                        nameof(sequor_model_free)
                    );
                    held.Model.Dispose();
                }
            );
            return 0;
        }
        catch (Exception e)
        {
            return Failure.Of(e);
        }
    }
}
