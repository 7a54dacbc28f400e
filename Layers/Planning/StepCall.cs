namespace Sequor.Layers;

/// <summary>The kind of a call that a step makes on a plan, a loss, an optimizer or a time mark.</summary>
internal enum StepCallKind
{
    Forward,
    Backward,
    Compute,
    Update,
    Copy,
    CarryOver,
    Reset,
    Mark,
}

/// <summary>
/// One call of a step on a plan, loss or optimizer, with everything that the host decides about it. Two equal calls queue the same
/// operations on the same memory, since everything else that they depend on lies on the device.
/// </summary>
internal readonly struct StepCall
{
    private readonly nint _givenAddress;
    private readonly nint _toAddress;

    /// <param name="kind">Which method is called.</param>
    /// <param name="target">The object that the method is called on.</param>
    /// <param name="given">The tensor that is passed; empty if there is none.</param>
    /// <param name="to">The tensor that is written, if the caller chooses it.</param>
    /// <param name="choice">Whatever else the host decides, as a number.</param>
    /// <exception cref="ObjectDisposedException">A tensor has been freed.</exception>
    public StepCall(
        StepCallKind kind,
        object target,
        Tensor given = default,
        Tensor to = default,
        int choice = 0
    )
    {
        (Kind, Target, Given, To, Choice) = (kind, target, given, to, choice);
        // The addresses are taken now, as the tensors may have been freed when calls are compared.
        _givenAddress = given.IsEmpty ? 0 : given.Address;
        _toAddress = to.IsEmpty ? 0 : to.Address;
    }

    public StepCallKind Kind { get; }

    public object Target { get; }

    public Tensor Given { get; }

    public Tensor To { get; }

    public int Choice { get; }

    /// <summary>Whether the other call queues the same work.</summary>
    public bool Equals(in StepCall other) =>
        Kind == other.Kind
        && ReferenceEquals(Target, other.Target)
        && _givenAddress == other._givenAddress
        && _toAddress == other._toAddress
        && Given.Shape == other.Given.Shape
        && To.Shape == other.To.Shape
        && Choice == other.Choice;

    /// <summary>Whether its target has been disposed, so that the call cannot come again.</summary>
    public bool IsGone =>
        Target switch
        {
            Plan plan => plan.IsDisposed,
            Loss loss => loss.IsDisposed,
            Optimizer optimizer => optimizer.IsDisposed,
            _ => false,
        };

    /// <summary>Queues what the call asks for.</summary>
    public void Queue()
    {
        switch (Kind)
        {
            case StepCallKind.Forward:
                ((Plan)Target).QueueForward(Given);
                break;
            case StepCallKind.Backward:
                ((Plan)Target).Backward(Given, Choice != 0);
                break;
            case StepCallKind.Compute:
                ((Loss)Target).Queue(Given, To);
                break;
            case StepCallKind.Update:
                ((Optimizer)Target).Step();
                break;
            case StepCallKind.Copy:
                ((Backend)Target).CopyCalled(Given, To);
                break;
            case StepCallKind.CarryOver:
                ((PlanStates)Target).CarryOver();
                break;
            case StepCallKind.Reset:
                ((PlanStates)Target).Reset();
                break;
            case StepCallKind.Mark:
                ((TimeMark)Target).Record();
                break;
            default:
                throw new InvalidOperationException($"A step has no calls of the kind {Kind}.");
        }
    }
}
