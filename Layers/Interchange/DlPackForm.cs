namespace Sequor.Layers;

/// <summary>Which of the two structs of DLPack is handed over.</summary>
public enum DlPackForm
{
    /// <summary>DLManagedTensor, as before DLPack 1.0: Python's capsule "dltensor". It cannot say that a tensor is read-only.</summary>
    Plain,

    /// <summary>DLManagedTensorVersioned, as of DLPack 1.0: Python's capsule "dltensor_versioned".</summary>
    Versioned,
}

/// <summary>What a tensor of other code is taken for.</summary>
public enum DlPackAccess
{
    /// <summary>Its values are read; a call that would write them is refused.</summary>
    Read,

    /// <summary>Its values may be written too. A tensor that its producer calls read-only is refused.</summary>
    Write,
}
