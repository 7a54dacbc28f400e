using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Threads;

/// <summary>The word that tells which thread is inside an object: who is let in, who waits and who is refused.</summary>
public sealed class OwnerWordTests
{
    private readonly OwnerWord _word = new((entry, other) => $"{entry} beside {other}");

    private string? OfAnother(string entry)
    {
        string? message = null;
        var thread = new Thread(() =>
        {
            try
            {
                using OwnerScope inside = _word.Enter(entry);
            }
            catch (InvalidOperationException e)
            {
                message = e.Message;
            }
        });
        thread.Start();
        thread.Join();
        return message;
    }

    [Test]
    public void Another_thread_is_let_in_when_the_outermost_scope_ends()
    {
        using (OwnerScope outer = _word.Enter("outer"))
        {
            Assert.That(outer.IsOutermost);
            using (OwnerScope inner = _word.Enter("inner"))
            {
                Assert.That(inner.IsOutermost, Is.False);
                Assert.That(OfAnother("b"), Is.EqualTo("b beside outer"));
            }
            Assert.That(OfAnother("c"), Is.EqualTo("c beside outer"));
        }

        Assert.That(OfAnother("d"), Is.Null);
    }

    [Test]
    public void What_is_quick_runs_only_while_no_thread_is_inside()
    {
        int runs = 0;
        using (OwnerScope inside = _word.Enter("a"))
            _word.WhileFree(() => runs++);
        Assert.That(runs, Is.Zero);

        _word.WhileFree(() => runs++);
        Assert.That(runs, Is.EqualTo(1));
        Assert.That(OfAnother("b"), Is.Null);
    }

    [Test]
    public void A_thread_waits_for_what_is_quick_and_is_not_refused()
    {
        string? message = "not run";
        Thread? thread = null;
        _word.WhileFree(() =>
        {
            thread = new Thread(() => message = OfAnother("b"));
            thread.Start();
            Assert.That(thread.Join(20), Is.False);
        });
        thread!.Join();

        Assert.That(message, Is.Null);
    }
}
