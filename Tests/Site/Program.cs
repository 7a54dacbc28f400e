using Sequor.Site;

// Makes the site of the documents and of the API; build.sh docs runs it.
if (args.Length != 4)
{
    Console.Error.WriteLine(
        """
        Usage: Sequor.Site ROOT BIN CONFIGURATION OUTPUT

          ROOT            the folder of the sources
          BIN             has a folder for each project that was built
          CONFIGURATION   the folder within that, such as release
          OUTPUT          the folder that the site goes to; what was there goes
        """
    );
    return 2;
}
try
{
    var builder = new SiteBuilder(
        Path.GetFullPath(args[0]),
        Path.GetFullPath(args[1]),
        args[2],
        Path.GetFullPath(args[3])
    );
    int pages = builder.Build(Console.Error);
    Console.WriteLine($"{pages} pages; {Path.Combine(args[3], "index.html")} opens in a browser");
    return 0;
}
catch (SiteException e)
{
    Console.Error.WriteLine(e.Message);
    return e.ExitCode;
}
catch (Exception e) when (e is IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
