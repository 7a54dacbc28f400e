using System.Runtime.InteropServices;
using System.Text;
using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// Ranges and marks of one program or library in the profiler that listens to this process (NVTX 3): Nsight Systems, Nsight Compute.
/// There is a domain only where a profiler listens, so that a range costs one null check where none does:
/// <c>domain?.Push(step)</c>.
/// </summary>
/// <remarks>
/// Events are made beforehand; beginning and ending a range then allocates nothing. What an older tool does not listen to does nothing.
/// May be used from any thread; <see cref="Push"/> and <see cref="Pop"/> are of the thread that calls them. Source: nvToolsExt.h.
/// </remarks>
public sealed unsafe class NvtxDomain : IDisposable
{
    private readonly Nvtx _tool;
    private readonly nvtxDomainHandle_t _handle;
    private readonly bool _pushes;
    private readonly bool _starts;
    private readonly bool _marks;
    private readonly bool _registers;
    private readonly Dictionary<string, nint> _texts = new(StringComparer.Ordinal);
    private readonly Lock _making = new();
    private uint _categories;
    private bool _disposed;

    private NvtxDomain(Nvtx tool, string name)
    {
        _tool = tool;
        Name = name;
        _pushes = Has(nameof(tool.nvtxDomainRangePushEx), nameof(tool.nvtxDomainRangePop));
        _starts = Has(nameof(tool.nvtxDomainRangeStartEx), nameof(tool.nvtxDomainRangeEnd));
        _marks = Has(nameof(tool.nvtxDomainMarkEx));
        _registers = Has(nameof(tool.nvtxDomainRegisterStringA));
        // Without it the domain is null, which is that of the program.
        if (Has(nameof(tool.nvtxDomainCreateA)))
        {
            fixed (byte* text = Zero(name))
                _handle = tool.nvtxDomainCreateA(text);
        }
    }

    /// <summary>Why the tool that the environment names does not listen; null if it does, or if none is named.</summary>
    public static string? Failure => NvtxInjection.Failure;

    /// <summary>The name that tools show.</summary>
    public string Name { get; }

    /// <summary>Where the tool's functions come from.</summary>
    public string Tool => _tool.Source;

    /// <summary>Makes a domain; null where no profiler listens to this process, or to no ranges.</summary>
    /// <param name="name">The name that tools show; not empty.</param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    public static NvtxDomain? Create(string name) => Create(name, NvtxInjection.Shared);

    /// <summary>Makes a domain of a tool.</summary>
    /// <param name="name">The name that tools show; not empty.</param>
    /// <param name="tool">The tool; null for none.</param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    public static NvtxDomain? Create(string name, NvtxInjection? tool)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (tool is null)
            return null;
        var domain = new NvtxDomain(new Nvtx(tool), name);
        return domain._pushes || domain._starts || domain._marks ? domain : null;
    }

    /// <summary>Names a category, by which tools can filter events.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>Its number in this domain, for <see cref="Event"/>.</returns>
    public uint Category(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        lock (_making)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            uint number = ++_categories;
            if (Has(nameof(_tool.nvtxDomainNameCategoryA)))
            {
                fixed (byte* text = Zero(name))
                    _tool.nvtxDomainNameCategoryA(_handle, number, text);
            }
            return number;
        }
    }

    /// <summary>Makes an event, whose text is registered with the tool: the same text once.</summary>
    /// <param name="text">What tools show.</param>
    /// <param name="category">A number that <see cref="Category"/> gave; 0 for none.</param>
    /// <param name="color">Alpha, red, green and blue, a byte each from the highest; null for the tool's choice.</param>
    public NvtxEvent Event(string text, uint category = 0, uint? color = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        var attributes = new nvtxEventAttributes_t
        {
            version = (ushort)Nvtx.NVTX_VERSION,
            size = (ushort)sizeof(nvtxEventAttributes_t),
            category = category,
            colorType = (int)(
                color is null ? nvtxColorType_t.NVTX_COLOR_UNKNOWN : nvtxColorType_t.NVTX_COLOR_ARGB
            ),
            color = color ?? 0,
            messageType = (int)(
                _registers
                    ? nvtxMessageType_t.NVTX_MESSAGE_TYPE_REGISTERED
                    : nvtxMessageType_t.NVTX_MESSAGE_TYPE_ASCII
            ),
            registered = new nvtxStringHandle_t(Known(text)),
        };
        return new NvtxEvent(attributes);
    }

    /// <summary>Begins a range of this thread, within those that it has begun and not ended.</summary>
    /// <param name="range">What tools show.</param>
    public void Push(in NvtxEvent range)
    {
        if (!_pushes || _disposed)
            return;
        fixed (nvtxEventAttributes_t* attributes = &range.Attributes)
            _tool.nvtxDomainRangePushEx(_handle, attributes);
    }

    /// <summary>Ends the range that this thread began last.</summary>
    public void Pop()
    {
        if (_pushes && !_disposed)
            _tool.nvtxDomainRangePop(_handle);
    }

    /// <summary>Begins a range of the process, which may overlap others and end on another thread.</summary>
    /// <param name="range">What tools show.</param>
    public NvtxRange Start(in NvtxEvent range)
    {
        if (!_starts || _disposed)
            return default;
        fixed (nvtxEventAttributes_t* attributes = &range.Attributes)
            return new NvtxRange(_tool.nvtxDomainRangeStartEx(_handle, attributes).Value);
    }

    /// <summary>Ends a range of the process.</summary>
    /// <param name="range">What <see cref="Start"/> gave.</param>
    public void End(NvtxRange range)
    {
        if (_starts && !_disposed)
            _tool.nvtxDomainRangeEnd(_handle, new nvtxRangeId_t(range.Id));
    }

    /// <summary>Marks this moment.</summary>
    /// <param name="mark">What tools show.</param>
    public void Mark(in NvtxEvent mark)
    {
        if (!_marks || _disposed)
            return;
        fixed (nvtxEventAttributes_t* attributes = &mark.Attributes)
            _tool.nvtxDomainMarkEx(_handle, attributes);
    }

    /// <summary>Gives a stream a name in the tool.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="name">Its name.</param>
    public void NameStream(CudaStream stream, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (_disposed || !Has(nameof(_tool.nvtxNameCuStreamA)))
            return;
        fixed (byte* text = Zero(name))
            _tool.nvtxNameCuStreamA(stream.Handle, text);
    }

    /// <summary>Ends the domain; ranges that are begun afterwards do nothing. A second call does nothing.</summary>
    public void Dispose()
    {
        lock (_making)
        {
            if (_disposed)
                return;
            _disposed = true;
            // The domain of the program is not this one's to end.
            if (_handle.Value != 0 && Has(nameof(_tool.nvtxDomainDestroy)))
                _tool.nvtxDomainDestroy(_handle);
            if (!_registers)
            {
                foreach (nint text in _texts.Values)
                    Marshal.FreeCoTaskMem(text);
            }
            _texts.Clear();
        }
    }

    // The tool's handle of a text, or where it registers none, the text itself.
    private nint Known(string text)
    {
        lock (_making)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_texts.TryGetValue(text, out nint known))
                return known;
            if (_registers)
            {
                fixed (byte* bytes = Zero(text))
                    known = _tool.nvtxDomainRegisterStringA(_handle, bytes).Value;
            }
            else
            {
                known = Marshal.StringToCoTaskMemUTF8(text);
            }
            _texts.Add(text, known);
            return known;
        }
    }

    private bool Has(params ReadOnlySpan<string> functions)
    {
        foreach (string function in functions)
        {
            if (_tool.Missing.Contains(function))
                return false;
        }
        return true;
    }

    private static byte[] Zero(string text) => Encoding.UTF8.GetBytes(text + "\0");
}
