namespace Sequor.Native.Generator;

/// <summary>C types in C#. Names that C does not have itself are the vendor's own and stay.</summary>
public static class CSharpTypes
{
    private static readonly Dictionary<string, string> Plain = new()
    {
        ["void"] = "void",
        ["char"] = "byte",
        ["unsigned char"] = "byte",
        ["unsigned short"] = "ushort",
        ["int"] = "int",
        ["int32_t"] = "int",
        ["unsigned int"] = "uint",
        ["uint32_t"] = "uint",
        ["long long"] = "long",
        ["int64_t"] = "long",
        ["unsigned long long"] = "ulong",
        ["uint64_t"] = "ulong",
        ["cuuint64_t"] = "ulong",
        ["size_t"] = "nuint",
        ["float"] = "float",
        ["double"] = "double",
        // The runtime's names for the driver's types.
        ["cudaStream_t"] = "CUstream",
        ["libraryPropertyType_t"] = "libraryPropertyType",
    };

    /// <summary>The C# type of a C type such as "const void*".</summary>
    public static string Of(string type)
    {
        string bare = type.TrimEnd('*');
        string name = bare.Replace("const ", "", StringComparison.Ordinal).Trim();
        return Plain.GetValueOrDefault(name, name) + new string('*', type.Length - bare.Length);
    }
}
