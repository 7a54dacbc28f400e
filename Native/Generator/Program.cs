using Sequor.Native.Generator;

// Rewrites the C# of the tables of facts, or prints the C program that compares them with the headers.
string[] verbs = ["code", "probe"];
if (args.Length != 2 || !verbs.Contains(args[0]) || !Directory.Exists(args[1]))
{
    Console.Error.WriteLine(
        """
        Usage: dotnet run --project Native/Generator -- VERB FOLDER

          code    writes the .g.cs file beside each .facts file below FOLDER, which is Native
          probe   prints a C program that compares the .facts files with the vendors' headers
        """
    );
    return 2;
}
try
{
    IReadOnlyList<FactsFile> files = FactsReader.ReadFolder(args[1]);
    if (args[0] == "probe")
    {
        Console.Write(ProbeWriter.Write(files));
        return 0;
    }
    foreach ((string path, string text) in CSharpWriter.Write(files))
    {
        if (!File.Exists(path) || File.ReadAllText(path) != text)
        {
            File.WriteAllText(path, text);
            Console.WriteLine($"wrote {path}");
        }
    }
    return 0;
}
catch (FormatException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
