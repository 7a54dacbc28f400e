using Sequor.Tool;

// The entry point of the command-line tool `sequor`; Cli reads the command line and runs the command.
return Cli.RunProgram(args);
