namespace Sequor.Native.Generator;

/// <summary>Translates C types to C#. Names that are not C's own are the vendor's and stay.</summary>
public static class CSharpTypes
{
    private static readonly Dictionary<string, string> Plain = new()
    {
        ["void"] = "void",
        ["char"] = "byte",
        ["unsigned char"] = "byte",
        ["unsigned short"] = "ushort",
        ["uint16_t"] = "ushort",
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
        // The CUDA runtime's names for types of the driver.
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
