using System.Runtime.InteropServices;
using Sequor.Native;
using Name = Sequor.Native.cudnnBackendAttributeName_t;

namespace Sequor.VirtualGpu;

/// <summary>The graph API: descriptors, their attributes, plans.</summary>
internal static unsafe class GraphExports
{
    [UnmanagedCallersOnly(EntryPoint = "cudnnBackendCreateDescriptor")]
    private static cudnnStatus_t Create(
        cudnnBackendDescriptorType_t type,
        cudnnBackendDescriptor_t* descriptor
    ) =>
        CuDnnCall.Run(
            "cudnnBackendCreateDescriptor",
            device =>
            {
                CuDnnRefusal.Unless(Enum.IsDefined(type), $"descriptorType is {(int)type}");
                if (AttributeRules.Find(type) is null)
                    throw CuDnnRefusal.NotSupported($"the virtual cuDNN has no {type}");
                CuDnnCall.Create(device, (nint*)descriptor, new BackendDescriptor(type));
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnBackendDestroyDescriptor")]
    private static cudnnStatus_t Destroy(cudnnBackendDescriptor_t descriptor) =>
        CuDnnCall.Run(
            "cudnnBackendDestroyDescriptor",
            device =>
                CuDnnCall.Destroy<BackendDescriptor>(
                    device,
                    descriptor.Value,
                    "cudnnBackendDestroyDescriptor"
                )
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnBackendFinalize")]
    private static cudnnStatus_t Finalize(cudnnBackendDescriptor_t descriptor) =>
        CuDnnCall.Run(
            "cudnnBackendFinalize",
            device =>
            {
                BackendDescriptor found = Find(
                    device,
                    descriptor.Value,
                    "cudnnBackendFinalize",
                    "descriptor"
                );
                CuDnnRefusal.Unless(!found.IsFinal, "the descriptor is final already");
                BackendFinalizer.Finalize(device, found);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnBackendSetAttribute")]
    private static cudnnStatus_t SetAttribute(
        cudnnBackendDescriptor_t descriptor,
        Name name,
        cudnnBackendAttributeType_t type,
        long count,
        void* elements
    ) =>
        CuDnnCall.Run(
            "cudnnBackendSetAttribute",
            device =>
            {
                const string call = "cudnnBackendSetAttribute";
                BackendDescriptor found = Find(device, descriptor.Value, call, "descriptor");
                if (found.IsFinal)
                    throw new CuDnnRefusal(
                        cudnnStatus_t.CUDNN_STATUS_NOT_INITIALIZED,
                        "the descriptor is final"
                    );
                AttributeRule rule = Rule(found, name, type);
                CuDnnRefusal.Unless(rule.Settable, $"{name} cannot be set");
                CuDnnRefusal.Unless(
                    count > 0 && count <= rule.Most,
                    $"elementCount of {name} is {count}, allowed are 1 to {rule.Most}"
                );
                if (elements == null)
                    throw new CuDnnRefusal(
                        cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_NULL_POINTER,
                        "arrayOfElements is null"
                    );
                var bytes = new ReadOnlySpan<byte>(
                    elements,
                    (int)count * AttributeRules.Size(type)
                );
                BackendDescriptor[] referred = [];
                if (type == cudnnBackendAttributeType_t.CUDNN_TYPE_BACKEND_DESCRIPTOR)
                {
                    referred =
                    [
                        .. MemoryMarshal
                            .Cast<byte, nint>(bytes)
                            .ToArray()
                            .Select(handle => Find(device, handle, call, name.ToString())),
                    ];
                    foreach (BackendDescriptor other in referred)
                        RequireFinal(other, name.ToString());
                }
                found[name] = new(type, count, bytes.ToArray(), referred);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnBackendGetAttribute")]
    private static cudnnStatus_t GetAttribute(
        cudnnBackendDescriptor_t descriptor,
        Name name,
        cudnnBackendAttributeType_t type,
        long requested,
        long* count,
        void* elements
    ) =>
        CuDnnCall.Run(
            "cudnnBackendGetAttribute",
            device =>
            {
                const string call = "cudnnBackendGetAttribute";
                BackendDescriptor found = Find(device, descriptor.Value, call, "descriptor");
                RequireFinal(found, "the descriptor");
                Rule(found, name, type);
                CuDnnRefusal.Unless(requested >= 0, $"requestedElementCount is {requested}");
                CuDnnRefusal.Unless(
                    requested == 0 || elements != null,
                    "arrayOfElements is null, and requestedElementCount is not 0"
                );
                AttributeValue value = BackendAnswers.Find(found, name, type);
                if (count != null)
                    *count = value.Count;
                int given = (int)Math.Min(requested, value.Count);
                if (type != cudnnBackendAttributeType_t.CUDNN_TYPE_BACKEND_DESCRIPTOR)
                {
                    int bytes = given * AttributeRules.Size(type);
                    value.Bytes.AsSpan(0, bytes).CopyTo(new Span<byte>(elements, bytes));
                    return;
                }
                for (int i = 0; i < given; i++)
                    Fill(device, ((nint*)elements)[i], value.Descriptors[i], call);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnBackendExecute")]
    private static cudnnStatus_t Execute(
        cudnnHandle_t handle,
        cudnnBackendDescriptor_t plan,
        cudnnBackendDescriptor_t pack
    ) =>
        CuDnnCall.Run(
            "cudnnBackendExecute",
            device =>
            {
                const string call = "cudnnBackendExecute";
                CuDnnHandle library = CuDnnLibrary.Find(device, handle, call);
                BackendDescriptor way = Expect(
                    device,
                    plan.Value,
                    cudnnBackendDescriptorType_t.CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR,
                    "executionPlan"
                );
                BackendDescriptor places = Expect(
                    device,
                    pack.Value,
                    cudnnBackendDescriptorType_t.CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR,
                    "variantPack"
                );
                ConvolutionGraph graph = way.Graph!;
                ConvolutionEngine engine = way.Engine!;
                CuDnnRefusal.Unless(
                    way.Addresses(Name.CUDNN_ATTR_EXECUTION_PLAN_HANDLE)[0] == handle.Value,
                    "the plan was made for another handle"
                );
                Dictionary<long, nint> addresses = Addresses(places, graph);
                long bytes = engine.Workspace(graph);
                nint workspace = places[Name.CUDNN_ATTR_VARIANT_PACK_WORKSPACE] is null
                    ? 0
                    : places.Addresses(Name.CUDNN_ATTR_VARIANT_PACK_WORKSPACE)[0];
                Need(workspace, $"CUDNN_ATTR_VARIANT_PACK_WORKSPACE, of {bytes} bytes,");
                var work = new VirtualWork(
                    call,
                    $"engine {engine.Index}",
                    $"{graph.Result} {graph.Shape}"
                );
                VirtualEffect effect = device.EffectOf(work);
                effect.Require(work);
                library.Enqueue(
                    device,
                    call,
                    $"{graph.Result} engine {engine.Index}",
                    effect.Before(
                        device,
                        work,
                        memory =>
                            graph.Run(
                                memory,
                                engine,
                                addresses,
                                workspace,
                                bytes,
                                device.Random,
                                effect
                            )
                    ),
                    graph.Work(call, engine)
                );
            }
        );

    private static Dictionary<long, nint> Addresses(BackendDescriptor pack, ConvolutionGraph graph)
    {
        Dictionary<long, nint> addresses = pack.Numbers(Name.CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS)
            .Zip(pack.Addresses(Name.CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS))
            .ToDictionary(pair => pair.First, pair => pair.Second);
        foreach (GraphTensor tensor in graph.Tensors)
        {
            CuDnnRefusal.Unless(
                addresses.TryGetValue(tensor.Id, out nint address),
                $"{tensor.Name}, number {tensor.Id}, is not in the variant pack"
            );
            Need(address, tensor.Name);
            if (address % (nint)tensor.Alignment != 0)
                throw new CuDnnRefusal(
                    cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER,
                    $"{tensor.Name} is no multiple of {tensor.Alignment}, which its descriptor promises"
                );
        }
        return addresses;
    }

    private static void Need(nint address, string what)
    {
        if (address == 0)
            throw new CuDnnRefusal(
                cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_NULL_POINTER,
                $"{what} is null"
            );
    }

    private static BackendDescriptor Find(
        VirtualDevice device,
        nint handle,
        string call,
        string argument
    ) => CuDnnCall.Find<BackendDescriptor>(device, handle, call, argument);

    private static BackendDescriptor Expect(
        VirtualDevice device,
        nint handle,
        cudnnBackendDescriptorType_t kind,
        string argument
    )
    {
        BackendDescriptor found = Find(device, handle, "cudnnBackendExecute", argument);
        RequireKind(found, kind, argument);
        RequireFinal(found, argument);
        return found;
    }

    private static void RequireKind(
        BackendDescriptor descriptor,
        cudnnBackendDescriptorType_t kind,
        string what
    )
    {
        if (descriptor.Type != kind)
            throw new CuDnnRefusal(
                cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE,
                $"{what} is a {descriptor.Type}, not a {kind}"
            );
    }

    private static void RequireFinal(BackendDescriptor descriptor, string what)
    {
        if (!descriptor.IsFinal)
            throw new CuDnnRefusal(
                cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED,
                $"{what} is not final"
            );
    }

    private static AttributeRule Rule(
        BackendDescriptor descriptor,
        Name name,
        cudnnBackendAttributeType_t type
    )
    {
        CuDnnRefusal.Unless(
            AttributeRules.Find(descriptor.Type)!.TryGetValue(name, out AttributeRule? rule),
            $"{descriptor.Type} has no {name} here"
        );
        if (!rule!.Types.Contains(type))
            throw new CuDnnRefusal(
                cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE,
                $"{name} is not of {type}"
            );
        return rule;
    }

    /// <summary>Fills a descriptor that the caller made with one that cuDNN gives.</summary>
    private static void Fill(VirtualDevice device, nint handle, BackendDescriptor from, string call)
    {
        BackendDescriptor place = Find(device, handle, call, "arrayOfElements");
        RequireKind(place, from.Type, "a descriptor in arrayOfElements");
        place.Become(from);
    }
}
