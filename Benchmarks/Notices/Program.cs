using System.Xml;
using Sequor.Notices;

// Writes whose work a folder of programs carries, and on what terms.
if (args.Length < 4 || args.Skip(4).Any(a => !a.Contains('=', StringComparison.Ordinal)))
{
    Console.Error.WriteLine(
        """
        Usage: Sequor.Notices OUTPUT DOTNET PROGRAMS OBJECTS [NAME=LICENCE ...]

          OUTPUT         the file to write
          DOTNET         the folder of the .NET runtime that goes with the programs
          PROGRAMS       has a folder for each program, named as its project
          OBJECTS        has a folder for each project, with the project.assets.json of its restore
          NAME=LICENCE   the licence file of something that comes from no package
        """
    );
    return 2;
}
try
{
    var text = new NoticeText();
    foreach (Package package in Programs.Packages(args[2], args[3]))
        text.Add(package);
    foreach (string[] vendored in args.Skip(4).Select(a => a.Split('=', 2)))
        text.Add(vendored[0], [vendored[1]]);
    text.Add(
        ".NET runtime",
        [Path.Combine(args[1], "LICENSE.txt"), Path.Combine(args[1], "ThirdPartyNotices.txt")]
    );
    File.WriteAllText(args[0], text.ToString());
    return 0;
}
catch (Exception e) when (e is NoticeException or IOException or XmlException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
