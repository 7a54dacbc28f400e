using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;

namespace Sequor.Tests.Builds;

/// <summary>Objects of any type of a report, all of whose properties have values, or those alone that must have one.</summary>
internal static class FilledObject
{
    private static readonly NullabilityInfoContext Nullability = new();

    /// <param name="type">What it is.</param>
    /// <param name="least">Whether what may be null is.</param>
    public static object Of(Type type, bool least)
    {
        if (Nullable.GetUnderlyingType(type) is { } inner)
            return Of(inner, least);
        if (type == typeof(string))
            return "a \"text\" of ö";
        if (type == typeof(ReadOnlyMemory<byte>))
            return new ReadOnlyMemory<byte>([1, 2, 254]);
        if (type == typeof(bool))
            return true;
        if (type.IsEnum)
            return Enum.GetValues(type).GetValue(1)!;
        if (type.IsPrimitive)
            return Convert.ChangeType(
                type == typeof(float) || type == typeof(double) ? 0.1 : 77,
                type,
                System.Globalization.CultureInfo.InvariantCulture
            );
        if (type.IsArray)
            return Items(type.GetElementType()!, least);
        if (type.IsInterface && type.GetGenericArguments() is [Type item])
            return Items(item, least);
        if (type.IsInterface && type.GetGenericArguments() is [_, Type value])
        {
            Type dictionary = typeof(Dictionary<,>).MakeGenericType(typeof(string), value);
            var made = (System.Collections.IDictionary)Activator.CreateInstance(dictionary)!;
            made["a key"] = Of(value, least);
            return made;
        }
        object filled = RuntimeHelpers.GetUninitializedObject(type);
        foreach (PropertyInfo property in type.GetProperties())
        {
            FieldInfo? field = property.DeclaringType!.GetField(
                $"<{property.Name}>k__BackingField",
                BindingFlags.Instance | BindingFlags.NonPublic
            );
            if (field is null)
                continue;
            // What is not written itself is what others are computed from.
            bool bare =
                least
                && property.GetCustomAttribute<JsonIgnoreAttribute>()?.Condition
                    is not JsonIgnoreCondition.Always;
            bool mayBeNull = Nullability.Create(property).ReadState == NullabilityState.Nullable;
            if (!bare || !mayBeNull)
                field.SetValue(filled, Of(property.PropertyType, bare));
        }
        return filled;
    }

    private static Array Items(Type item, bool least)
    {
        var items = Array.CreateInstance(item, 2);
        items.SetValue(Of(item, least), 0);
        items.SetValue(Of(item, least), 1);
        return items;
    }
}
