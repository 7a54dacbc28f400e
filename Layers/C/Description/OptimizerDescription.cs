using Sequor.Layers;

namespace Sequor.C;

/// <summary>Makes an optimizer of its description, as {"type": "adam", "learning_rate": 1e-3, "beta1": 0.9}.</summary>
internal static class OptimizerDescription
{
    private static readonly (string Name, string[] Keys)[] Kinds =
    [
        ("sgd", ["momentum"]),
        ("nesterov", ["momentum"]),
        ("rmsprop", ["smoothing", "epsilon"]),
        ("adam", ["beta1", "beta2", "epsilon"]),
        ("adamw", ["weight_decay", "beta1", "beta2", "epsilon"]),
    ];

    /// <summary>The kinds with their keys, beside those that all have.</summary>
    public static IReadOnlyList<(string Name, string[] Keys)> All => Kinds;

    /// <summary>The keys that all have.</summary>
    public static IReadOnlyList<string> Common { get; } =
    ["type", "learning_rate", "clip", "groups"];

    /// <summary>Makes an optimizer of a training plan.</summary>
    public static Optimizer Make(Place place, Plan plan)
    {
        string[] every = [.. Common, .. Kinds.SelectMany(kind => kind.Keys).Distinct()];
        (string name, string[] keys) = new Fields(place, "an optimizer", every)
            .Require("type")
            .Word(Kinds.Select(kind => (kind.Name, kind)).ToArray());
        var f = new Fields(place, $"an optimizer of type \"{name}\"", [.. Common, .. keys]);
        float rate = f.Require("learning_rate").Float();
        List<ParameterGroup>? groups = f.Find("groups") is { } given ? Groups(given, plan) : null;
        Optimizer optimizer = Json.Made(place, () => Make(name, plan, rate, f, groups));
        try
        {
            if (f.Find("clip") is { } clip)
                Json.Made(clip, () => optimizer.MaxGradientNorm = clip.Float());
            return optimizer;
        }
        catch
        {
            optimizer.Dispose();
            throw;
        }
    }

    private static Optimizer Make(
        string name,
        Plan plan,
        float rate,
        Fields f,
        List<ParameterGroup>? groups
    ) =>
        name switch
        {
            "sgd" => new Sgd(plan, rate, f.Float("momentum", 0f), groups),
            "nesterov" => new Nesterov(plan, rate, f.Float("momentum", 0.9f), groups),
            "rmsprop" => new RmsProp(
                plan,
                rate,
                f.Float("smoothing", 0.99f),
                f.Float("epsilon", 1e-8f),
                groups
            ),
            "adam" => new Adam(
                plan,
                rate,
                f.Float("beta1", 0.9f),
                f.Float("beta2", 0.999f),
                f.Float("epsilon", 1e-8f),
                groups
            ),
            _ => new AdamW(
                plan,
                rate,
                f.Float("weight_decay", 0.01f),
                f.Float("beta1", 0.9f),
                f.Float("beta2", 0.999f),
                f.Float("epsilon", 1e-8f),
                groups
            ),
        };

    // A group names its parameters in full, as sequor_model_value tells them.
    private static List<ParameterGroup> Groups(Place place, Plan plan)
    {
        HashSet<string> there = [.. plan.Model.NamedParameters().Select(p => p.Name)];
        var groups = new List<ParameterGroup>();
        foreach (Place each in place.Elements("groups"))
        {
            var fields = new Fields(each, "a group", "parameters", "rate_factor", "decays");
            var names = new HashSet<string>();
            foreach (Place name in fields.Require("parameters").Elements("names of parameters"))
            {
                if (!there.Contains(name.Text()))
                    throw name.Wrong($"a parameter of the model: {string.Join(", ", there)}");
                names.Add(name.Text());
            }
            groups.Add(
                Json.Made(
                    each,
                    () =>
                        new ParameterGroup(
                            named => names.Contains(named.Name),
                            fields.Float("rate_factor", 1f),
                            fields.Bool("decays", true)
                        )
                )
            );
        }
        return groups;
    }
}
