using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sequor.Workloads;

/// <summary>A file of presets as it is written: schema sequor.presets/1.</summary>
internal sealed record PresetFile(
    [property: JsonRequired] string Schema,
    [property: JsonRequired] Dictionary<string, PresetTraining?> Training,
    [property: JsonRequired] List<PresetEntry?> Presets,
    string[]? Sources = null
);

/// <summary>A preset in such a file; its training is named, as several may share one.</summary>
internal sealed record PresetEntry(
    [property: JsonRequired] string Task,
    [property: JsonRequired] string Arch,
    [property: JsonRequired] string Preset,
    [property: JsonRequired] string Training,
    [property: JsonRequired] long Budget,
    [property: JsonRequired] PresetModel Model,
    double? Paper = null,
    int Length = 0,
    WindowOptions? Windows = null,
    string? Note = null
);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = JsonCommentHandling.Skip,
    RespectNullableAnnotations = true,
    AllowDuplicateProperties = false,
    GenerationMode = JsonSourceGenerationMode.Metadata
)]
[JsonSerializable(typeof(PresetFile))]
internal sealed partial class PresetJson : JsonSerializerContext;

// Its names are in checkpoints, which are compared by them, so they stay as the properties have them.
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Serialization)]
[JsonSerializable(typeof(PresetModel))]
internal sealed partial class PresetSettingsJson : JsonSerializerContext;
