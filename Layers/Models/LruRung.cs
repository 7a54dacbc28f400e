namespace Sequor.Layers;

/// <summary>
/// What an LRU's eigenvalues lambda are made of and where they begin: the steps from a diagonal linear recurrence to the LRU, each of which
/// Orvieto et al. (2023, section 3) measure. An eigenvalue beyond the unit circle makes states grow without bound; then a loss that is not
/// finite ends the training, as with any model.
/// </summary>
public enum LruRung
{
    /// <summary>
    /// The linear recurrent unit: lambda = exp(-exp(nu_log) + i exp(theta_log)), which begins in <see cref="LruOptions.Ring"/>, and inputs
    /// that are scaled by exp(gamma_log).
    /// </summary>
    Lru,

    /// <summary>lambda = Lambda_re + i Lambda_im, which begins anywhere on the unit disk and may leave it. Inputs are not scaled.</summary>
    Diagonal,

    /// <summary>lambda = exp(-nu + i theta), which begins anywhere on the unit disk and may leave it. Inputs are not scaled.</summary>
    Polar,

    /// <summary>
    /// lambda = exp(-exp(nu_log) + i theta), which begins anywhere on the unit disk and stays within it. Inputs are not scaled.
    /// </summary>
    Stable,

    /// <summary>As <see cref="Stable"/>, but beginning in <see cref="LruOptions.Ring"/>.</summary>
    Ring,
}
