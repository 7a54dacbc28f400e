namespace Sequor.VirtualGpu;

/// <summary>
/// What a call into cuBLAS or cuDNN has to do at least, by formula: every operand read once and every result written once, and
/// the operations of its products. What the library keeps for itself, in workspace and reserve, is not in it.
/// </summary>
/// <param name="Call">The header's name.</param>
/// <param name="Bytes">Bytes read and written.</param>
/// <param name="Operations">Operations with floats of 32 bits: two for each product of two factors.</param>
/// <param name="Tf32">Whether the factors may be rounded to TF32, which tensor cores multiply.</param>
internal readonly record struct LibraryWork(string Call, long Bytes, long Operations, bool Tf32);
