using Sequor.Tool;

return Cli.Run(args);
