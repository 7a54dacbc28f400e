using System.CommandLine;
using System.CommandLine.Invocation;
using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Sequor.Peers;

/// <summary>
/// A program that measures a peer: one JSON object on standard output, or one line on standard error and an exit code of 1, of a wrong
/// command line 2.
/// </summary>
internal static class PeerProgram
{
    private const int Failure = 1;
    private const int Usage = 2;

    public static int Run(Peer peer, string[] args)
    {
        try
        {
            var options = new PeerOptions(peer);
            ParseResult result = options.Command.Parse(
                args,
                new ParserConfiguration { ResponseFileTokenReplacer = null }
            );
            if (result.Action is ParseErrorAction)
                throw new PeerUsageException(
                    $"{result.Errors[0].Message.TrimEnd('.')}; --help lists the options"
                );
            // Help and the version.
            if (result.Action is not null)
                return result.Invoke();
            if (options.IsList(result))
            {
                Load(peer);
                Console.Out.WriteLine(string.Join('\n', peer.Architectures));
                return 0;
            }
            PeerSettings settings = options.Read(result);
            string version = Load(peer);
            Console.Out.WriteLine(Measure(peer, version, settings).ToJsonString());
            return 0;
        }
        catch (PeerUsageException e)
        {
            return Tell(peer, e.Message, Usage);
        }
        catch (Exception e)
        {
            return Tell(peer, e.Message, Failure);
        }
    }

    private static string Load(Peer peer)
    {
        try
        {
            return peer.Load();
        }
        catch (Exception e)
        {
            throw new InvalidOperationException(LoadFailure.InALine(e), e);
        }
    }

    private static JsonObject Measure(Peer peer, string version, PeerSettings settings)
    {
        using PeerStep step = peer.Create(settings);
        double[] samples = new double[settings.Steps];
        for (int i = 0; i < settings.Warmup; i++)
            step.Run();
        for (int i = 0; i < samples.Length; i++)
        {
            long begin = Stopwatch.GetTimestamp();
            step.Run();
            samples[i] = Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
        }
        bool streams = settings.Measure == PeerSettings.Stream;
        var result = new JsonObject
        {
            ["arch"] = settings.Arch,
            ["device"] = "cpu",
            ["measure"] = settings.Measure,
            ["length"] = settings.Length,
            ["batch"] = settings.Batch,
            ["hidden"] = settings.Hidden,
            ["layers"] = settings.Layers,
            ["parameters"] = step.Parameters,
            ["threads"] = settings.Threads,
            [peer.Name] = version,
        };
        double median = Median(samples);
        // Steps of a stream take microseconds, and there are thousands of them.
        result["step_ms"] = Math.Round(median, streams ? 7 : 4);
        if (!streams)
            result["samples_ms"] = new JsonArray([
                .. samples.Select(sample => (JsonNode)Math.Round(sample, 4)),
            ]);
        result["tokens_per_s"] = Math.Round(1e3 * settings.Length * settings.Batch / median, 1);
        return result;
    }

    private static double Median(double[] samples)
    {
        double[] sorted = [.. samples.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static int Tell(Peer peer, string message, int code)
    {
        Console.Error.WriteLine($"{peer.Name}: {LoadFailure.OneLine(message)}");
        return code;
    }
}
