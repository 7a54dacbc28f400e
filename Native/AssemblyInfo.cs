using System.Runtime.CompilerServices;

// Every argument goes over as it is.
[assembly: DisableRuntimeMarshalling]
