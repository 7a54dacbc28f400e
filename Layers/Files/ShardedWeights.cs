namespace Sequor.Layers;

/// <summary>The safetensors files of an index, seen as one. Every shard holds exactly the tensors that the index assigns to it.</summary>
internal sealed class ShardedWeights : IWeightSource
{
    private readonly Dictionary<string, SafetensorsFile> _shards = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SafetensorsFile> _byTensor = new(StringComparer.Ordinal);
    private readonly List<SafetensorsEntry> _entries = [];

    private ShardedWeights(string path) => Path = path;

    public string Path { get; }

    public IReadOnlyList<SafetensorsEntry> Entries => _entries;

    /// <summary>Opens all shards of an index, and checks their headers and that index and shards agree.</summary>
    /// <exception cref="SafetensorsException">
    /// The index or a shard is damaged, a shard is missing, or a shard lacks a tensor or has one that the index does not name.
    /// </exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static ShardedWeights Open(string path)
    {
        ShardIndex index = ShardIndex.Read(path);
        var weights = new ShardedWeights(path);
        try
        {
            foreach ((string shard, HashSet<string> tensors) in index.Shards)
                weights.Open(shard, tensors);
            foreach ((string shard, HashSet<string> tensors) in index.Shards)
                weights.Add(shard, tensors);
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    public SafetensorsEntry? Find(string name) =>
        _byTensor.TryGetValue(name, out SafetensorsFile? shard) ? shard.Find(name) : null;

    public float[] ReadFloats(string name) => _byTensor[name].ReadFloats(name);

    public double[] ReadDoubles(string name) => _byTensor[name].ReadDoubles(name);

    public void Dispose()
    {
        foreach (SafetensorsFile shard in _shards.Values)
            shard.Dispose();
    }

    private void Open(string shard, HashSet<string> tensors)
    {
        string folder = System.IO.Path.GetDirectoryName(Path) ?? "";
        SafetensorsFile file = OpenShard(System.IO.Path.Combine(folder, shard), shard, tensors);
        _shards.Add(shard, file);
        if (tensors.FirstOrDefault(name => file.Find(name) is null) is { } missing)
            throw Damaged(
                $"{SafetensorsHeader.Place(missing)} expected in '{shard}', which does not hold it"
            );
    }

    private void Add(string shard, HashSet<string> tensors)
    {
        SafetensorsFile file = _shards[shard];
        foreach (SafetensorsEntry entry in file.Entries)
        {
            if (!tensors.Contains(entry.Name))
                throw Damaged(
                    $"'{shard}' holds {SafetensorsHeader.Place(entry.Name)}, which the index does not say is there"
                );
            _byTensor.Add(entry.Name, file);
            _entries.Add(entry);
        }
    }

    private SafetensorsFile OpenShard(string path, string shard, HashSet<string> tensors)
    {
        try
        {
            return Safetensors.Open(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SafetensorsException(
                Damaged(
                    $"the shard '{shard}' expected, which holds {SafetensorsHeader.Place(tensors.First())} ({tensors.Count} in all), but it is not there"
                ).Message,
                e
            );
        }
    }

    private SafetensorsException Damaged(string problem) =>
        SafetensorsHeader.Damaged(Path, "index of shards", problem);
}
