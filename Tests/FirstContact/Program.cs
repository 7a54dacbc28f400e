using Sequor.FirstContact;

// The entry point of the program that is run first on a machine with a GPU.
return FirstContactProgram.Run(args);
