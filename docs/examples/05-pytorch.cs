// Weights to and from PyTorch, as safetensors. Both programs print the answer to the same input, to compare.
//   dotnet run 05-pytorch.cs write model.safetensors      ->  python model.py read model.safetensors
//   python model.py write model.safetensors               ->  dotnet run 05-pytorch.cs read model.safetensors
#:package Sequor.Layers@*-*
using Sequor.Layers;

if (args is not ["read" or "write", { Length: > 0 } file])
{
    Console.Error.WriteLine("usage: dotnet run 05-pytorch.cs read|write FILE");
    return 2;
}
using var backend = Backend.Create(Device.Cpu);
using var model = new Sequential(new Lstm(3, 8, layers: 2), new Last(8), new Linear(8, 2));

// Sequential calls its layers 0, 1, 2; the Python module below calls them lstm and head. Last has no weights.
var modules = new Dictionary<string, string> { ["0"] = "lstm", ["2"] = "head" };
try
{
    if (args[0] == "write")
    {
        model.Initialize(backend, seed: 1);
        TorchWeights.Save(model, file, modules);
    }
    else
    {
        TorchWeights.Load(model, file, backend, modules);
    }
}
catch (Exception e) when (e is SafetensorsException or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine(e.Message); // each tensor that is missing, not expected or of another shape
    return 1;
}

// Five steps of one sequence: [T, B, C], as nn.LSTM has it without batch_first.
float[] x = [.. Enumerable.Range(0, 15).Select(i => (i % 7 - 3) / 4f)];
Prediction answer = model.Predict(x, length: 5, batch: 1);
Console.WriteLine(
    $"{model.ParameterCount} values; answer {answer.At(0, 0)[0]:F5} {answer.At(0, 0)[1]:F5}"
);
return 0;

// model.py, with torch and safetensors:
//
// import sys, torch
// from safetensors.torch import load_file, save_file
//
// class Model(torch.nn.Module):
//     def __init__(self):
//         super().__init__()
//         self.lstm = torch.nn.LSTM(3, 8, num_layers=2)
//         self.head = torch.nn.Linear(8, 2)
//
//     def forward(self, x):
//         return self.head(self.lstm(x)[0][-1])
//
// torch.manual_seed(1)
// model = Model()
// if sys.argv[1] == "read":
//     model.load_state_dict(load_file(sys.argv[2]))
// else:
//     save_file(model.state_dict(), sys.argv[2])
// x = (torch.arange(15) % 7 - 3).float().div(4).reshape(5, 1, 3)
// with torch.no_grad():
//     y = model(x)[0]
// print(f"{sum(p.numel() for p in model.parameters())} values; answer {y[0]:.5f} {y[1]:.5f}")
