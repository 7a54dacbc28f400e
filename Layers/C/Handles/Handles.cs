using System.Globalization;
using System.Runtime.CompilerServices;

namespace Sequor.C;

/// <summary>
/// The objects that callers hold, by 64-bit handles: a place in a table, the kind, and how often the place was used, counted from a number
/// that is drawn. So what was freed, what another process or copy of the library gave, and what stands for something else is told apart,
/// and nothing that a caller makes up is followed as an address. Any thread may look a handle up, without a lock.
/// </summary>
internal static class Handles
{
    private const int IndexBits = 24;
    private const int KindBits = 8;
    private const int Most = 1 << IndexBits;

    private static readonly Lock Guard = new();
    private static readonly uint Salt = (uint)Random.Shared.NextInt64(1L << 32);
    private static readonly Stack<int> Unused = new();

    // Replaced when it grows; a place of it is written under the lock, and read without.
    private static Held?[] _table = new Held?[64];
    private static uint[] _uses = new uint[64];
    private static int _used;
    private static int _live;

    /// <summary>How many handles there are that were not freed.</summary>
    public static int Live => Volatile.Read(ref _live);

    /// <summary>Makes a handle for an object.</summary>
    public static ulong Add(HandleKind kind, object target)
    {
        lock (Guard)
        {
            if (!Unused.TryPop(out int index))
            {
                if (_used == Most)
                    throw new RefusedException(
                        Status.Memory,
                        $"There are {Most} handles that were not freed; there can be no more."
                    );
                if (_used == _table.Length)
                    Grow();
                index = _used++;
            }
            uint use = unchecked(Salt + ++_uses[index]);
            ulong handle =
                ((ulong)use << (IndexBits + KindBits)) | ((ulong)kind << IndexBits) | (uint)index;
            Volatile.Write(ref _table[index], new Held(handle, target));
            _live++;
            return handle;
        }
    }

    /// <summary>The object of a handle.</summary>
    /// <exception cref="RefusedException">The handle is none of this kind.</exception>
    public static T Get<T>(ulong handle, HandleKind kind)
        where T : class
    {
        Held?[] table = Volatile.Read(ref _table);
        int index = IndexOf(handle);
        if (
            KindOf(handle) == kind
            && index < table.Length
            && Volatile.Read(ref table[index]) is { } held
            && held.Handle == handle
        )
            return Unsafe.As<T>(held.Target);
        throw Refusal(handle, kind);
    }

    /// <summary>Frees a handle, after what it stands for was given back; 0 is nothing to free.</summary>
    /// <param name="handle">The handle.</param>
    /// <param name="kind">What it must stand for.</param>
    /// <param name="close">Gives the object back. Where it throws, the handle stays as it is.</param>
    public static void Free<T>(ulong handle, HandleKind kind, Action<T> close)
        where T : class
    {
        if (handle == 0)
            return;
        close(Get<T>(handle, kind));
        lock (Guard)
        {
            int index = IndexOf(handle);
            // Another thread may have freed it meanwhile.
            if (_table[index]?.Handle != handle)
                throw Refusal(handle, kind);
            Volatile.Write(ref _table[index], null);
            Unused.Push(index);
            _live--;
        }
    }

    private static void Grow()
    {
        int length = _table.Length * 2;
        Array.Resize(ref _uses, length);
        var table = new Held?[length];
        _table.CopyTo(table, 0);
        Volatile.Write(ref _table, table);
    }

    private static RefusedException Refusal(ulong handle, HandleKind kind)
    {
        string wanted = Name(kind);
        if (handle == 0)
            return new(Status.Handle, $"The handle of {wanted} is 0, which is none.");
        HandleKind given = KindOf(handle);
        bool isLive;
        bool wasLive;
        lock (Guard)
        {
            int index = IndexOf(handle);
            isLive = index < _used && _table[index]?.Handle == handle;
            uint use = unchecked((uint)(handle >> (IndexBits + KindBits)) - Salt);
            wasLive = index < _used && use >= 1 && use <= _uses[index] && Enum.IsDefined(given);
        }
        string shown = string.Create(CultureInfo.InvariantCulture, $"0x{handle:x16}");
        return new(
            Status.Handle,
            isLive && given != kind
                    ? $"The handle {shown} is that of {Name(given)}, not of {wanted}."
                : wasLive && given == kind ? $"The handle {shown} of {wanted} was freed already."
                : $"{shown} is no handle of {wanted} that this library gave."
        );
    }

    private static int IndexOf(ulong handle) => (int)(handle & (Most - 1));

    private static HandleKind KindOf(ulong handle) => (HandleKind)(byte)(handle >> IndexBits);

    private static string Name(HandleKind kind) =>
        kind switch
        {
            HandleKind.Backend => "a backend",
            HandleKind.Model => "a model",
            HandleKind.Plan => "a plan",
            HandleKind.Loss => "a loss",
            HandleKind.Optimizer => "an optimizer",
            HandleKind.Step => "a step",
            HandleKind.Tensor => "a tensor",
            _ => "nothing",
        };

    private sealed class Held(ulong handle, object target)
    {
        public ulong Handle { get; } = handle;

        public object Target { get; } = target;
    }
}
