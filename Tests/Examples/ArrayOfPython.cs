using Sequor.Layers;

namespace Sequor.Tests.Examples;

/// <summary>What docs/dlpack.md shows: a GPU's array as Python's libraries describe it.</summary>
internal static class ArrayOfPython
{
    public static string Run(Backend gpu, string json, Tensor y)
    {
        // Shown
        // json.dumps(x.__cuda_array_interface__) of Python; x has to stay until the work on it is done.
        CudaArrayInterface array = CudaArrayInterface.Parse(json);
        Tensor x = array.Import(gpu, DlPackAccess.Read); // work here waits for array.Stream
        x.CopyTo(y);
        if (array.Stream is { } stream)
            DlPack.LetWait(gpu, stream); // and what they queue from now on for ours

        string described = CudaArrayInterface.Export(y).ToJson();
        // Shown
        return described;
    }
}
