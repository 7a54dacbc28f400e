using System.Runtime.CompilerServices;

// Arguments are passed to native code as they are, without marshalling.
[assembly: DisableRuntimeMarshalling]
