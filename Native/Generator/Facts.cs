namespace Sequor.Native.Generator;

/// <summary>The contents of one table of facts, which is a .facts file.</summary>
/// <param name="Path">The path of the file.</param>
/// <param name="Class">The C# class that functions and constants go into.</param>
/// <param name="Header">The vendor's header that declares them.</param>
public sealed record FactsFile(string Path, string Class, string Header, IReadOnlyList<Fact> Facts);

/// <summary>One declaration of a vendor's header, under the vendor's name.</summary>
/// <param name="Doc">What it is, in our own words.</param>
public abstract record Fact(string Name, string Doc);

/// <summary>An opaque type: a struct with one member of the C type <paramref name="Base"/>.</summary>
public sealed record HandleFact(string Name, string Doc, string Base) : Fact(Name, Doc);

/// <summary>A number that the header defines by a macro.</summary>
public sealed record ConstantFact(string Name, string Doc, string Type, ulong Value)
    : Fact(Name, Doc);

/// <summary>An enumeration of 4 bytes.</summary>
public sealed record EnumFact(string Name, string Doc, IReadOnlyList<EnumValue> Values)
    : Fact(Name, Doc);

/// <summary>A value of an enumeration. The doc may be empty if the name says enough.</summary>
public sealed record EnumValue(string Name, int Value, string Doc);

/// <summary>A struct of <paramref name="Size"/> bytes; members that are not needed are left out.</summary>
/// <param name="IsTag">Whether C knows it as "struct Name" alone, as the header has no typedef of it.</param>
public sealed record StructFact(
    string Name,
    string Doc,
    int Size,
    IReadOnlyList<StructField> Fields,
    bool IsTag = false
) : Fact(Name, Doc)
{
    /// <summary>Its type in C.</summary>
    public string CType => IsTag ? $"struct {Name}" : Name;
}

/// <summary>
/// A member of a struct: its offset in bytes, and its length if it is an array, else 0. A member of a union within has the name
/// union.member.
/// </summary>
public sealed record StructField(string Name, string Doc, string Type, int Offset, int Length)
{
    /// <summary>The name without that of the union.</summary>
    public string Member => Name[(Name.LastIndexOf('.') + 1)..];
}

/// <summary>A function.</summary>
/// <param name="Symbol">The exported symbol, which the header's macros make of the name.</param>
/// <param name="Since">The CUDA version of this signature, for entries of the driver; else 0.</param>
public sealed record FunctionFact(
    string Name,
    string Doc,
    string Returns,
    string Symbol,
    int Since,
    IReadOnlyList<Parameter> Parameters
) : Fact(Name, Doc);

/// <summary>A parameter of a function.</summary>
public sealed record Parameter(string Name, string Doc, string Type);
