using Sequor.Replay;

// The entry point of the program that launches recorded kernels on a GPU and compares what they leave.
return ReplayProgram.Run(args);
