using NUnit.Framework;

// Fixtures run side by side, as many as there are processors, and the tests of a fixture one after the other. A fixture that needs the
// process to itself is marked [NonParallelizable]: there is one virtual GPU for each process, and some tests count what all threads
// allocate.
[assembly: Parallelizable(ParallelScope.Fixtures)]
