using Sequor.Tool;

return Cli.RunProgram(args);
