namespace ManagedCuda.VectorTypes;

/// <summary>Sizes of a grid or a block.</summary>
public struct dim3
{
    public uint x;
    public uint y;
    public uint z;

    public dim3(uint x, uint y = 1, uint z = 1) => (this.x, this.y, this.z) = (x, y, z);

    public static implicit operator dim3(int value) => new((uint)value);
}
