using System.Text.Json;

namespace Sequor.Notices;

/// <summary>Finds out which packages the files of programs came from.</summary>
public static class Programs
{
    private static readonly string[] Binaries = [".dll", ".so", ".dylib", ".exe"];

    /// <summary>The packages that have a file in the programs, by name and version.</summary>
    /// <param name="programs">A folder with a folder for each program, named as its project.</param>
    /// <param name="objects">A folder with a folder for each project, with its project.assets.json.</param>
    /// <exception cref="NoticeException">A binary file is neither Sequor's nor a package's, bit for bit.</exception>
    public static IReadOnlyList<Package> Packages(string programs, string objects)
    {
        var found = new Dictionary<(string, string), Package>();
        string[] folders = [.. Directory.GetDirectories(programs).Order(StringComparer.Ordinal)];
        if (folders.Length == 0)
            throw new NoticeException($"There are no programs in {programs}.");
        foreach (string program in folders)
        {
            string assets = Path.Combine(objects, Path.GetFileName(program), "project.assets.json");
            foreach (Package package in Packages(program, Restored(assets), assets))
                found.TryAdd((package.Id, package.Version), package);
        }
        return
        [
            .. found
                .Values.OrderBy(p => p.Id, StringComparer.OrdinalIgnoreCase)
                .ThenBy(p => p.Version, StringComparer.Ordinal),
        ];
    }

    private static IEnumerable<Package> Packages(
        string program,
        IReadOnlyList<Package> restored,
        string assets
    )
    {
        IEnumerable<string> files = Directory
            .EnumerateFiles(program, "*", SearchOption.AllDirectories)
            .Where(f => Binaries.Contains(Path.GetExtension(f)) && !IsOurs(Path.GetFileName(f)));
        foreach (string file in files)
        {
            yield return restored.FirstOrDefault(package => package.Has(file))
                ?? throw new NoticeException(
                    $"{file} is in no package that {assets} names: its licence is unknown."
                );
        }
    }

    private static bool IsOurs(string name) =>
        name.StartsWith("Sequor.", StringComparison.Ordinal)
        || name.StartsWith("libsequor.", StringComparison.Ordinal)
        // The last one stands for ManagedCuda in the tests.
        || name is "sequor.dll" or "sequor.exe" or "ManagedCuda.Double.dll";

    private static List<Package> Restored(string assets)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(assets));
        JsonElement root = document.RootElement;
        string[] caches =
        [
            .. root.GetProperty("packageFolders").EnumerateObject().Select(f => f.Name),
        ];
        var packages = new List<Package>();
        foreach (JsonProperty library in root.GetProperty("libraries").EnumerateObject())
        {
            if (library.Value.GetProperty("type").GetString() != "package")
                continue;
            string path = library.Value.GetProperty("path").GetString()!;
            string folder =
                caches.Select(c => Path.Combine(c, path)).FirstOrDefault(Directory.Exists)
                ?? throw new NoticeException(
                    $"{library.Name} is not in {string.Join(" or ", caches)}; restore it first."
                );
            string[] name = library.Name.Split('/', 2);
            packages.Add(new Package(name[0], name[1], folder));
        }
        packages.AddRange(Downloaded(root, caches));
        return packages;
    }

    // The runtime's own packages, which a program that brings the runtime is made from; an SDK may have some elsewhere.
    private static IEnumerable<Package> Downloaded(JsonElement root, string[] caches)
    {
        if (
            !root.TryGetProperty("project", out JsonElement project)
            || !project.TryGetProperty("frameworks", out JsonElement frameworks)
        )
            yield break;
        foreach (JsonProperty framework in frameworks.EnumerateObject())
        {
            if (!framework.Value.TryGetProperty("downloadDependencies", out JsonElement list))
                continue;
            foreach (JsonElement package in list.EnumerateArray())
            {
                string name = package.GetProperty("name").GetString()!;
                // As in [10.0.0, 10.0.0].
                string version = package
                    .GetProperty("version")
                    .GetString()!
                    .Trim('[', ']')
                    .Split(',')[0];
                string? folder = caches
                    .Select(cache => Path.Combine(cache, name.ToLowerInvariant(), version))
                    .FirstOrDefault(Directory.Exists);
                if (folder is not null)
                    yield return new Package(name, version, folder);
            }
        }
    }
}
