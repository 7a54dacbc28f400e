namespace Sequor.Native;

/// <summary>A variable of the environment that changes what the vendors' libraries do, and is set.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Value">Its value.</param>
/// <param name="Effect">What it does to Sequor, in a sentence without its stop.</param>
public sealed record CudaSetting(string Name, string Value, string Effect)
{
    // From CUDA's programming guide (environment variables), cuBLAS's manual (results reproducibility) and cuDNN's (TF32).
    private static readonly (string Name, Func<string, string> Effect)[] Known =
    [
        (
            "CUDA_CACHE_DISABLE",
            value =>
                IsOn(value)
                    ? "the driver keeps none of the kernels that it compiles, so every process compiles them anew"
                    : "the driver keeps the kernels that it compiles"
        ),
        ("CUDA_CACHE_PATH", _ => "where the driver keeps the kernels that it compiles"),
        (
            "CUDA_CACHE_MAXSIZE",
            value =>
                value.Trim() == "0"
                    ? "the driver has no room for the kernels that it compiles, so every process compiles them anew"
                    : "the most bytes of compiled kernels that the driver keeps"
        ),
        (
            "CUDA_DISABLE_PTX_JIT",
            value =>
                IsOn(value)
                    ? "the driver compiles no PTX, so Sequor's kernels cannot be loaded: remove it"
                    : "the driver compiles PTX"
        ),
        (
            "CUDA_FORCE_PTX_JIT",
            value =>
                IsOn(value)
                    ? "the driver compiles the libraries' kernels anew, which takes minutes at the first start"
                    : "the driver takes the libraries' kernels as they are"
        ),
        (
            "CUDA_LAUNCH_BLOCKING",
            value =>
                IsOn(value)
                    ? "every launch waits for its end: errors come where they arise, and times mean nothing"
                    : "launches do not wait"
        ),
        (
            "CUBLAS_WORKSPACE_CONFIG",
            _ =>
                "the scratch that cuBLAS takes by itself; Sequor gives each handle scratch and a stream of its own, so its results do not depend on this"
        ),
        (
            "NVIDIA_TF32_OVERRIDE",
            value =>
                value.Trim() == "0"
                    ? "cuBLAS and cuDNN use no TF32, also where it is asked for (--math tf32)"
                    : "changes nothing: only 0 has an effect"
        ),
    ];

    /// <summary>Those that are set.</summary>
    internal static IReadOnlyList<CudaSetting> Of(INativeHost host) =>
        [
            .. Known
                .Select(known => (known, Value: host.Variable(known.Name)))
                .Where(pair => pair.Value is not null)
                .Select(pair => new CudaSetting(
                    pair.known.Name,
                    pair.Value!,
                    pair.known.Effect(pair.Value!)
                )),
        ];

    private static bool IsOn(string value) => value.Trim() is not ("" or "0");
}
