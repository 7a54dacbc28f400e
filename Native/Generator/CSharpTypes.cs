namespace Sequor.Native.Generator;

/// <summary>Translates C types to C#. Names that are not C's own are the vendor's and stay.</summary>
public static class CSharpTypes
{
    private static readonly Dictionary<string, string> Plain = new()
    {
        ["void"] = "void",
        ["char"] = "byte",
        ["unsigned char"] = "byte",
        ["uint8_t"] = "byte",
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

    /// <summary>The C# type of a C type such as "const void*", or of the address of a function, "void(*)(int)".</summary>
    public static string Of(string type)
    {
        int function = type.IndexOf("(*)(", StringComparison.Ordinal);
        if (function > 0)
        {
            IEnumerable<string> types = type[(function + 4)..^1]
                .Split(',')
                .Append(type[..function]);
            return $"delegate* unmanaged[Cdecl]<{string.Join(", ", types.Select(Of))}>";
        }
        string bare = type.TrimEnd('*');
        string name = bare.Replace("const ", "", StringComparison.Ordinal)
            .Replace("struct ", "", StringComparison.Ordinal)
            .Trim();
        return Plain.GetValueOrDefault(name, name) + new string('*', type.Length - bare.Length);
    }
}
