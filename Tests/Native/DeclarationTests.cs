using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NUnit.Framework;
using Sequor.Native;
using Sequor.Native.Generator;

namespace Sequor.Tests.Native;

/// <summary>What the compiler made of the declarations, compared with the tables.</summary>
[TestFixture]
public sealed class DeclarationTests
{
    private static readonly Assembly Native = typeof(CudaDriver).Assembly;

    // Said here once more, so that the generator's own map is checked.
    private static readonly Dictionary<string, Type> CTypes = new()
    {
        ["void"] = typeof(void),
        ["char"] = typeof(byte),
        ["unsigned short"] = typeof(ushort),
        ["uint16_t"] = typeof(ushort),
        ["unsigned char"] = typeof(byte),
        ["uint8_t"] = typeof(byte),
        ["int"] = typeof(int),
        ["int32_t"] = typeof(int),
        ["unsigned int"] = typeof(uint),
        ["uint32_t"] = typeof(uint),
        ["long long"] = typeof(long),
        ["int64_t"] = typeof(long),
        ["unsigned long long"] = typeof(ulong),
        ["uint64_t"] = typeof(ulong),
        ["cuuint64_t"] = typeof(ulong),
        ["size_t"] = typeof(nuint),
        ["float"] = typeof(float),
        ["double"] = typeof(double),
        ["cudaStream_t"] = typeof(CUstream),
        ["libraryPropertyType_t"] = typeof(libraryPropertyType),
    };

    [Test]
    public void Every_function_has_the_signature_of_the_table()
    {
        int count = 0;
        foreach ((FactsFile file, FunctionFact fact) in Tables.All<FunctionFact>())
        {
            MethodInfo? method = TypeOf(file.Class).GetMethod(fact.Name);
            Assert.That(method, Is.Not.Null, fact.Name);
            Assert.That(method!.ReturnType, Is.EqualTo(Of(fact.Returns)), fact.Name);
            Assert.That(
                method.GetParameters().Select(p => (p.Name, p.ParameterType)),
                Is.EqualTo(fact.Parameters.Select(p => (p.Name, Of(p.Type)))),
                fact.Name
            );
            count++;
        }
        Assert.That(count, Is.GreaterThan(150));
    }

    [Test]
    public void Every_table_knows_its_functions_by_name_and_symbol()
    {
        foreach (var group in Tables.All<FunctionFact>().GroupBy(f => f.File.Class))
        {
            var symbols = new FakeSymbols("nothing");
            var table = (FunctionTable)Activator.CreateInstance(TypeOf(group.Key), symbols)!;
            Assert.That(
                table.All,
                Is.EqualTo(group.Select(f => new FunctionName(f.Fact.Name, f.Fact.Symbol)))
            );
            Assert.That(table.Missing, Is.EqualTo(group.Select(f => f.Fact.Symbol)));
        }
    }

    [Test]
    public void No_function_is_declared_beside_the_tables()
    {
        string[] classes = [.. Tables.Files.Select(f => f.Class).Distinct()];
        var declared = classes
            .Select(TypeOf)
            .SelectMany(t =>
                t.GetMethods(
                    BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly
                )
            )
            .Select(m => m.Name);
        Assert.That(declared, Is.EquivalentTo(Tables.All<FunctionFact>().Select(f => f.Fact.Name)));
    }

    [Test]
    public void Every_enumeration_has_the_values_of_the_table()
    {
        int count = 0;
        foreach ((_, EnumFact fact) in Tables.All<EnumFact>())
        {
            Type type = TypeOf(fact.Name);
            Assert.That(Enum.GetUnderlyingType(type), Is.EqualTo(typeof(int)), fact.Name);
            Assert.That(
                Enum.GetNames(type).Select(n => (n, (int)Enum.Parse(type, n))),
                Is.EquivalentTo(fact.Values.Select(v => (v.Name, v.Value))),
                fact.Name
            );
            count += fact.Values.Count;
        }
        Assert.That(count, Is.GreaterThan(500));
    }

    [Test]
    public void Every_struct_has_the_size_and_offsets_of_the_table()
    {
        int count = 0;
        foreach ((_, StructFact fact) in Tables.All<StructFact>())
        {
            Type type = TypeOf(fact.Name);
            Assert.That(SizeOf(type), Is.EqualTo(fact.Size), fact.Name);
            FieldInfo[] fields = type.GetFields(BindingFlags.Public | BindingFlags.Instance);
            Assert.That(
                fields.Select(f => f.Name),
                Is.EqualTo(fact.Fields.Select(f => f.Member)),
                fact.Name
            );
            foreach ((FieldInfo field, StructField wanted) in fields.Zip(fact.Fields))
            {
                int offset = field.GetCustomAttribute<FieldOffsetAttribute>()!.Value;
                Assert.That(offset, Is.EqualTo(wanted.Offset), wanted.Name);
                var array = field.GetCustomAttribute<FixedBufferAttribute>();
                Assert.That(array?.Length ?? 0, Is.EqualTo(wanted.Length), wanted.Name);
                Type element = array?.ElementType ?? field.FieldType;
                int function = wanted.Type.IndexOf("(*)(", StringComparison.Ordinal);
                if (function < 0)
                {
                    Assert.That(element, Is.EqualTo(Of(wanted.Type)), wanted.Name);
                    continue;
                }
                Assert.That(element.IsUnmanagedFunctionPointer, wanted.Name);
                Assert.That(
                    element.GetFunctionPointerReturnType(),
                    Is.EqualTo(Of(wanted.Type[..function])),
                    wanted.Name
                );
                Assert.That(
                    element.GetFunctionPointerParameterTypes(),
                    Is.EqualTo(wanted.Type[(function + 4)..^1].Split(',').Select(Of)),
                    wanted.Name
                );
            }
            count++;
        }
        Assert.That(count, Is.GreaterThan(5));
    }

    [Test]
    public void Every_handle_is_one_value_of_its_size()
    {
        foreach ((_, HandleFact fact) in Tables.All<HandleFact>())
        {
            Type type = TypeOf(fact.Name);
            Type expected = fact.Base == "void*" ? typeof(nint) : CTypes[fact.Base];
            FieldInfo[] fields = type.GetFields(BindingFlags.NonPublic | BindingFlags.Instance);
            Assert.That(fields.Select(f => f.FieldType), Is.EqualTo(new[] { expected }), fact.Name);
            Assert.That(SizeOf(type), Is.EqualTo(SizeOf(expected)), fact.Name);
        }
    }

    [Test]
    public void Every_constant_has_the_value_of_the_table()
    {
        foreach ((FactsFile file, ConstantFact fact) in Tables.All<ConstantFact>())
        {
            object value = TypeOf(file.Class).GetField(fact.Name)!.GetRawConstantValue()!;
            Assert.That(value, Is.TypeOf(Of(fact.Type)), fact.Name);
            Assert.That(value, Is.EqualTo(fact.Value), fact.Name);
        }
    }

    [Test]
    public void Every_vendor_type_is_in_a_table()
    {
        var known = Tables
            .Files.SelectMany(f => f.Facts)
            .Where(f => f is EnumFact or StructFact or HandleFact)
            .Select(f => f.Name)
            .ToHashSet();
        var vendors = Native
            .GetExportedTypes()
            .Where(t => !t.IsNested && (t.IsEnum || t.IsValueType))
            .Where(t => t.Namespace == typeof(CudaDriver).Namespace)
            .Where(t => t != typeof(LibraryKind) && t != typeof(FailureKind))
            .Where(t => t != typeof(FunctionName))
            .Select(t => t.Name);
        Assert.That(vendors, Is.EquivalentTo(known));
    }

    private static Type TypeOf(string name) => Native.GetType($"Sequor.Native.{name}", true)!;

    private static int SizeOf(Type type) =>
        (int)
            typeof(Unsafe)
                .GetMethod(nameof(Unsafe.SizeOf))!
                .MakeGenericMethod(type)
                .Invoke(null, null)!;

    private static Type Of(string cType)
    {
        string bare = cType.TrimEnd('*');
        string name = bare.Replace("const ", "").Replace("struct ", "").Trim();
        Type type = CTypes.GetValueOrDefault(name) ?? TypeOf(name);
        for (int i = bare.Length; i < cType.Length; i++)
            type = type.MakePointerType();
        return type;
    }
}
