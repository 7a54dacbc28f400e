namespace Sequor.Layers;

// Places everything that the layers asked for: first without memory, in a rehearsal, and then in allocated memory.
public sealed partial class PlanBuilder
{
    /// <summary>Whether this builder serves a <see cref="Rehearsal"/>, in which nothing is computed.</summary>
    internal bool IsRehearsal => _rehearsal is not null;

    /// <summary>Places everything without memory.</summary>
    /// <returns>The most floats that lie in each of the two places of gradients, updated as the passes run.</returns>
    internal IReadOnlyList<long> Rehearse(RehearsalBackend on)
    {
        foreach ((Slot slot, MemoryCategory category, _) in _kept)
            slot.Place(on.Pretend(slot.Count, category), 0);
        foreach ((Slot slot, _, _) in _states)
            slot.Place(on.Pretend(slot.Count, MemoryCategory.Activations), 0);
        foreach ((Slot slot, _) in _flows)
            slot.Place(on.Pretend(slot.Count, MemoryCategory.Workspace), 0);
        foreach ((Slot slot, _) in _scratches)
        {
            Storage place = on.Pretend(slot.Count, MemoryCategory.Workspace);
            slot.Place(place, 0);
            _brief.Add(place);
        }
        Preparations.Place();
        return Gradients.Rehearse(on);
    }

    /// <summary>In a rehearsal: whether a tensor lies in memory that lasts until the next layer has read it.</summary>
    internal bool MayBeOutput(Tensor tensor) =>
        tensor.Backend == _stage
        && tensor.Storage.Category != MemoryCategory.Parameters
        && !_brief.Contains(tensor.Storage);

    /// <summary>Allocates what was asked for. Returns the storages, which the plan owns from then on.</summary>
    /// <param name="gradients">The most floats that lie in each of the two places of gradients.</param>
    /// <exception cref="DeviceMemoryException">The device has less free memory than that; the message has a table.</exception>
    internal IReadOnlyList<Storage> Build(IReadOnlyList<long> gradients)
    {
        for (int i = 0; i < 2; i++)
            _flowCounts[i] = Math.Max(_flowCounts[i], gradients[i]);
        PlanNeed need = Need();
        need.Require();
        try
        {
            Allocate();
        }
        catch (DeviceMemoryException e)
        {
            throw need.Error(e);
        }
        return _storages;
    }

    private PlanNeed Need()
    {
        var need = new PlanNeed(_stage, MaxLength, MaxBatch);
        foreach ((Slot slot, MemoryCategory category, _) in _kept)
            need.Add(slot.Count, category);
        if (_stateCount > 0)
            need.Add(_stateCount, MemoryCategory.Activations);
        need.Add(_workspaceCount, MemoryCategory.Workspace);
        foreach (long count in _flowCounts)
            need.Add(count, MemoryCategory.Workspace);
        foreach (long count in Preparations.TableCounts)
            need.Add(count, MemoryCategory.Workspace);
        return need;
    }

    private void Allocate()
    {
        foreach ((Slot slot, MemoryCategory category, MemoryOwner owner) in _kept)
            slot.Place(Take(slot.Count, category, owner), 0);
        if (_stateCount > 0)
        {
            (string, long)[] shares =
            [
                .. _states.Select(s => (s.Layer, _stage.Align(s.Slot.Count) * sizeof(float))),
            ];
            var owner = new MemoryOwner(Group, "states", shares: shares);
            Storage states = Take(_stateCount, MemoryCategory.Activations, owner);
            foreach ((Slot slot, long offset, _) in _states)
                slot.Place(states, offset);
            AllStates = new Tensor(states, 0, new Shape(checked((int)_stateCount)));
        }
        Storage workspace = Take(
            Math.Max(_workspaceCount, 1),
            MemoryCategory.Workspace,
            new MemoryOwner(Group, OwnedMemory.Scratch)
        );
        foreach ((Slot slot, long offset) in _scratches)
            slot.Place(workspace, offset);
        Spare = (workspace, ScratchEnd, _workspaceCount - ScratchEnd);
        var flows = new Storage[2];
        var between = new MemoryOwner(Group, OwnedMemory.Flow);
        for (int i = 0; i < 2; i++)
            flows[i] = Take(Math.Max(_flowCounts[i], 1), MemoryCategory.Workspace, between);
        foreach ((Slot slot, int place) in _flows)
            slot.Place(flows[place], 0);
        Gradients.Place(flows[0], flows[1]);
        using Backend.OwnedScope owned = _stage.AllocateFor(new MemoryOwner(Group, "preparations"));
        Preparations.Place();
    }

    /// <summary>Notes an operation so that it is freed if building fails; otherwise its layer frees it.</summary>
    internal T Own<T>(T operation)
        where T : PlannedOperation
    {
        _operations.Add(operation);
        if (operation.Fallback is { } fallback)
            _fallbacks.Add(Path.Length == 0 ? fallback : $"{Path}: {fallback}");
        return operation;
    }

    /// <summary>What is not carried out as was asked for, with the layer, in the order of layers.</summary>
    internal IReadOnlyList<string> Fallbacks => _fallbacks;

    /// <summary>Frees everything that was allocated, after building has failed.</summary>
    internal void Abandon()
    {
        foreach (IDisposable operation in _operations)
            operation.Dispose();
        Preparations.Dispose();
        foreach (Storage storage in _storages)
            storage.Dispose();
        Random?.Dispose();
    }

    /// <summary>Everything that layers carry from call to call, once the plan is built; empty where they carry nothing.</summary>
    internal Tensor AllStates { get; private set; }

    /// <summary>
    /// The scratch memory behind that of the last planned layer, once the plan is built. That layer does not use it, so it is free from
    /// the layer's forward pass until the end of its backward pass.
    /// </summary>
    internal (Storage Storage, long First, long Count) Spare { get; private set; }

    private Storage Take(long count, MemoryCategory category, MemoryOwner owner)
    {
        using Backend.OwnedScope owned = _stage.AllocateFor(owner);
        Storage storage = _stage.Allocate(count, category);
        _storages.Add(storage);
        return storage;
    }
}
