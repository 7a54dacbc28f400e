using System.Globalization;

namespace Sequor.Native;

/// <summary>A folder that a library may be in, and how messages name its origin.</summary>
internal readonly record struct SearchFolder(string Place, string Path);

/// <summary>The folders of CUDA toolkits and Python packages, in the order in which they are tried.</summary>
/// <param name="host">The machine that is searched.</param>
internal sealed class SearchFolders(INativeHost host)
{
    // Asking Python takes a while, so that happens once, and only if no earlier folder had the library.
    private IReadOnlyList<string>? _python;

    /// <summary>The folders for a library that comes with CUDA or with Python packages.</summary>
    /// <param name="kind">The library.</param>
    /// <param name="major">The CUDA major version; for cuDNN, the newest that is suitable.</param>
    public IEnumerable<SearchFolder> For(LibraryKind kind, int major)
    {
        foreach (string folder in Toolkits(major))
            yield return new("CUDA toolkit", folder);
        if (kind == LibraryKind.CuDnn && host.Windows && host.Variable("ProgramFiles") is { } files)
        {
            foreach (string folder in CuDnnInstaller(Join(files, "NVIDIA", "CUDNN"), major))
                yield return new("cuDNN's installer", folder);
        }
        foreach (string variable in (string[])["VIRTUAL_ENV", "CONDA_PREFIX"])
        {
            if (host.Variable(variable) is not { } prefix)
                continue;
            foreach (
                string folder in Prefix(prefix).SelectMany(site => Packages(site, kind, major))
            )
                yield return new(variable, folder);
            if (variable == "CONDA_PREFIX") // Conda's own packages are no Python packages.
                yield return new(
                    variable,
                    host.Windows ? Join(prefix, "Library", "bin") : Join(prefix, "lib")
                );
        }
        _python ??= host.PythonFolders();
        foreach (string folder in _python.SelectMany(site => Packages(site, kind, major)))
            yield return new("Python on PATH", folder);
    }

    /// <summary>Folders of drivers that the system's loader may not know.</summary>
    public static IEnumerable<SearchFolder> OfDrivers(bool windows) =>
        windows ? [] : [new("WSL", "/usr/lib/wsl/lib")];

    /// <summary>Joins with the separator of the machine that is searched, which tests choose.</summary>
    public string Join(string first, params ReadOnlySpan<string> rest)
    {
        char separator = host.Windows ? '\\' : '/';
        string path = first;
        foreach (string name in rest)
            path = path.TrimEnd('/', separator) + separator + name;
        return path;
    }

    /// <summary>The folder of a path; null for a bare name.</summary>
    public string? FolderOf(string path)
    {
        int at = host.Windows ? path.LastIndexOfAny(['\\', '/']) : path.LastIndexOf('/');
        return at < 0 ? null : path[..at];
    }

    /// <summary>A path without its folder.</summary>
    public string FileOf(string path) => path[((FolderOf(path)?.Length + 1) ?? 0)..];

    private IEnumerable<string> Toolkits(int major)
    {
        var roots = new List<string>();
        foreach (string variable in (string[])["CUDA_PATH", "CUDA_HOME"])
        {
            if (host.Variable(variable) is { } root)
                roots.Add(root);
        }
        if (!host.Windows)
        {
            roots.Add("/usr/local/cuda");
            roots.AddRange(Versions("/usr/local", "cuda-", major));
            roots.Add("/opt/cuda");
            return roots.SelectMany(r => (string[])[Join(r, "lib64"), Join(r, "lib")]).Distinct();
        }
        if (host.Variable("ProgramFiles") is { } files)
        {
            string all = Join(files, "NVIDIA GPU Computing Toolkit", "CUDA");
            roots.AddRange(Versions(all, "v", major));
        }
        // CUDA 13 has a folder for each kind of processor.
        return roots.SelectMany(r => (string[])[Join(r, "bin"), Join(r, "bin", "x64")]).Distinct();
    }

    private IEnumerable<string> CuDnnInstaller(string root, int major)
    {
        foreach (string version in Versions(root, "v", LibraryNames.CuDnnMajor))
        {
            string bin = Join(version, "bin");
            foreach (string cuda in Versions(bin, "", major))
            {
                yield return cuda;
                yield return Join(cuda, "x64");
            }
            yield return bin;
        }
    }

    /// <summary>Folders such as cuda-12.6 up to a major version, newest first.</summary>
    private IEnumerable<string> Versions(string root, string prefix, int newest) =>
        host.Folders(root)
            .Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
            .Select(name => (Name: name, Version: Number(name[prefix.Length..])))
            .Where(f => f.Version is { } version && version.Major <= newest)
            .OrderByDescending(f => f.Version)
            .Select(f => Join(root, f.Name));

    private static Version? Number(string text)
    {
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int major))
            return new Version(major, 0);
        return Version.TryParse(text, out Version? version) ? version : null;
    }

    /// <summary>The site-packages folders below a virtual environment or an installation.</summary>
    private IEnumerable<string> Prefix(string prefix)
    {
        if (host.Windows)
            return [Join(prefix, "Lib", "site-packages")];
        string lib = Join(prefix, "lib");
        return host.Folders(lib)
            .Where(name => name.StartsWith("python3", StringComparison.Ordinal))
            .Select(name => Join(lib, name, "site-packages"));
    }

    /// <summary>The folders in site-packages of the packages that contain a library.</summary>
    private IEnumerable<string> Packages(string site, LibraryKind kind, int major)
    {
        string bin = host.Windows ? "bin" : "lib";
        string cuda = $"cu{major}";
        if (kind == LibraryKind.CuDnn)
            yield return Join(site, "nvidia", "cudnn", bin);
        else if (major >= 13) // From here on one folder for all.
        {
            yield return Join(site, "nvidia", cuda, bin);
            if (host.Windows)
                yield return Join(site, "nvidia", cuda, bin, "x86_64");
        }
        else
            yield return Join(
                site,
                "nvidia",
                kind == LibraryKind.CuBlas ? "cublas" : "cuda_nvrtc",
                bin
            );
        // PyTorch for Windows contains its own copy.
        yield return Join(site, "torch", "lib");
    }
}
