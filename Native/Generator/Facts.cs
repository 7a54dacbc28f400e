namespace Sequor.Native.Generator;

/// <summary>What one table of facts (a .facts file) declares.</summary>
/// <param name="Path">The file.</param>
/// <param name="Class">The C# class that functions and constants go into.</param>
/// <param name="Header">The vendor's header.</param>
public sealed record FactsFile(string Path, string Class, string Header, IReadOnlyList<Fact> Facts);

/// <summary>One declaration of a vendor's header, under the vendor's name.</summary>
/// <param name="Doc">What it is, in our words.</param>
public abstract record Fact(string Name, string Doc);

/// <summary>An opaque type: a struct of one member of the C type <paramref name="Base"/>.</summary>
public sealed record HandleFact(string Name, string Doc, string Base) : Fact(Name, Doc);

/// <summary>A number that the header defines by a macro.</summary>
public sealed record ConstantFact(string Name, string Doc, string Type, ulong Value)
    : Fact(Name, Doc);

/// <summary>An enumeration of 4 bytes.</summary>
public sealed record EnumFact(string Name, string Doc, IReadOnlyList<EnumValue> Values)
    : Fact(Name, Doc);

/// <summary>A value of an enumeration. The doc may be empty where the name says it all.</summary>
public sealed record EnumValue(string Name, int Value, string Doc);

/// <summary>A struct of <paramref name="Size"/> bytes; members that no one needs are left out.</summary>
public sealed record StructFact(
    string Name,
    string Doc,
    int Size,
    IReadOnlyList<StructField> Fields
) : Fact(Name, Doc);

/// <summary>A member: its offset in bytes, and how many there are if it is an array, else 0.</summary>
public sealed record StructField(string Name, string Doc, string Type, int Offset, int Length);

/// <summary>A function.</summary>
/// <param name="Symbol">What the header's macros make of the name: the exported symbol.</param>
/// <param name="Since">CUDA version of this signature, for driver entries; else 0.</param>
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
