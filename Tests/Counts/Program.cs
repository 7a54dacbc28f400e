using Sequor.Counts;
using Sequor.Tool;

// The entry point of the program of counts, which both build scripts start; errors are told as the sequor command tells them.
return Cli.RunProgram(args, CountsCommand.CreateRoot);
