using NUnit.Framework;

// Fixtures run side by side, as many as there are processors; the tests of one, one after another. What has the process to
// itself says so by [NonParallelizable]: the virtual GPU is one a process, and some count what all threads allocate.
[assembly: Parallelizable(ParallelScope.Fixtures)]
