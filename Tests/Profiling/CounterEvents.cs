using System.Collections.Concurrent;
using System.Diagnostics.Tracing;

namespace Sequor.Tests.Profiling;

/// <summary>Asks the runtime for the counters of the meter "Sequor" as dotnet-counters does, and keeps the names that come.</summary>
internal sealed class CounterEvents : EventListener
{
    private readonly ConcurrentDictionary<string, bool> _instruments = new();

    public IEnumerable<string> Instruments => _instruments.Keys;

    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name != "System.Diagnostics.Metrics")
            return;
        // Time series of these meters, each second.
        const EventKeywords TimeSeries = (EventKeywords)0x2;
        EnableEvents(
            eventSource,
            EventLevel.Informational,
            TimeSeries,
            new Dictionary<string, string?>
            {
                ["SessionId"] = "sequor-test",
                ["Metrics"] = "Sequor",
                ["RefreshInterval"] = "1",
                ["MaxTimeSeries"] = "100",
                ["MaxHistograms"] = "10",
            }
        );
    }

    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        // Session, meter, its version and the instrument's name come first.
        if (
            eventData.EventName?.EndsWith("Published", StringComparison.Ordinal) != true
            && eventData.EventName?.EndsWith("Reporting", StringComparison.Ordinal) != true
        )
            return;
        if (eventData.Payload is [_, "Sequor", _, string instrument, ..])
            _instruments[instrument] = true;
    }
}
