using System.Reflection;
using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tests.Layers;

/// <summary>
/// One rule for what cannot be made: every public constructor says of an argument that is null, and of a number that is out of all
/// range, which one it is. The constructors are found, so that none is forgotten.
/// </summary>
[TestFixture]
public sealed class ConstructionTests
{
    private CpuBackendAndPlan _things = null!;

    [SetUp]
    public void Begin() => _things = new CpuBackendAndPlan();

    [TearDown]
    public void End() => _things.Dispose();

    private static IEnumerable<TestCaseData> Constructors() =>
        from assembly in new[] { typeof(Layer).Assembly, typeof(CudaContext).Assembly }
        from type in assembly.GetExportedTypes()
        where
            type is { IsClass: true, IsAbstract: false, IsGenericTypeDefinition: false }
            && !type.IsSubclassOf(typeof(Exception))
            && !type.IsSubclassOf(typeof(Delegate))
            // Values that only tell something check nothing.
            && type.GetMethod("<Clone>$") is null
            // It takes a GPU's context; CudaOwnershipTests has it.
            && type != typeof(Sequor.Layers.Cuda.CudaBackend)
        from constructor in type.GetConstructors()
        where constructor.GetParameters().Length > 0
        select new TestCaseData(constructor).SetArgDisplayNames(
            $"{type.Name}({string.Join(", ", constructor.GetParameters().Select(p => p.Name))})"
        );

    [TestCaseSource(nameof(Constructors))]
    public void An_argument_that_is_null_is_named(ConstructorInfo constructor)
    {
        var context = new NullabilityInfoContext();
        ParameterInfo[] parameters = constructor.GetParameters();
        foreach (ParameterInfo parameter in parameters)
        {
            if (
                parameter.ParameterType.IsValueType
                || context.Create(parameter).WriteState != NullabilityState.NotNull
            )
                continue;
            object?[] arguments = Array.ConvertAll(parameters, _things.For);
            arguments[parameter.Position] = null;
            Assert.That(
                () => Made(constructor, arguments),
                Throws
                    .TypeOf<ArgumentNullException>()
                    .With.Property(nameof(ArgumentException.ParamName))
                    .EqualTo(parameter.Name),
                parameter.Name
            );
        }
    }

    [TestCaseSource(nameof(Constructors))]
    public void A_number_out_of_range_is_named(ConstructorInfo constructor)
    {
        ParameterInfo[] parameters = constructor.GetParameters();
        foreach (ParameterInfo parameter in parameters)
        {
            object? wrong =
                parameter.ParameterType == typeof(int) ? int.MinValue
                : parameter.ParameterType == typeof(float) ? float.NaN
                : null;
            if (wrong is null)
                continue;
            object?[] arguments = Array.ConvertAll(parameters, _things.For);
            arguments[parameter.Position] = wrong;
            Assert.That(
                () => Made(constructor, arguments),
                Throws
                    .TypeOf<ArgumentOutOfRangeException>()
                    .With.Property(nameof(ArgumentException.ParamName))
                    .EqualTo(parameter.Name),
                parameter.Name
            );
        }
    }

    // What could be made after all is given back.
    private static void Made(ConstructorInfo constructor, object?[] arguments)
    {
        try
        {
            (constructor.Invoke(arguments) as IDisposable)?.Dispose();
        }
        catch (TargetInvocationException e)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.InnerException!);
        }
    }

    /// <summary>A sound argument for any parameter.</summary>
    private sealed class CpuBackendAndPlan : IDisposable
    {
        private readonly Linear _model = new(2, 2);
        private readonly Plan _plan;

        public CpuBackendAndPlan() =>
            _plan = _model.Plan(Backends.Get(256, 1), 3, 2, Mode.Training);

        public object? For(ParameterInfo parameter)
        {
            Type type = parameter.ParameterType;
            if (parameter.HasDefaultValue)
                return parameter.DefaultValue;
            if (type == typeof(int))
                return 2;
            if (type == typeof(float))
                return 0.5f;
            if (type == typeof(long))
                return 2L;
            if (type == typeof(double))
                return 0.5;
            if (type == typeof(bool))
                return false;
            if (type == typeof(string))
                return "name";
            if (type == typeof(Plan))
                return _plan;
            if (type == typeof(Backend))
                return _plan.Backend;
            if (type == typeof(Layer))
                return new Linear(2, 2);
            if (type == typeof(Embedding))
                return new Embedding(2, 3);
            if (type == typeof(Dataset))
                return new AddingProblem(3);
            if (type == typeof(Func<Plan, Optimizer>))
                return (Func<Plan, Optimizer>)(plan => new Sgd(plan, 0.1f));
            if (type == typeof(Func<NamedParameter, bool>))
                return (Func<NamedParameter, bool>)(_ => true);
            if (type == typeof(Parameter.Initializer))
                return (Parameter.Initializer)((ref _, values, _) => values.Clear());
            if (type == typeof(IReadOnlyDictionary<MemoryCategory, long>))
                return new Dictionary<MemoryCategory, long>();
            if (type == typeof(Action))
                return (Action)(() => { });
            if (type == typeof(IReadOnlyList<Layer>))
                return (IReadOnlyList<Layer>)[new Linear(2, 2)];
            if (type == typeof(IReadOnlyList<int>))
                return (IReadOnlyList<int>)[2];
            if (type.GetConstructor([]) is { } plain)
                return plain.Invoke([]);
            return type.IsValueType
                ? Activator.CreateInstance(type)
                : throw new NotSupportedException($"a test must know how a {type} is made");
        }

        public void Dispose()
        {
            _plan.Dispose();
            _model.Dispose();
        }
    }
}
