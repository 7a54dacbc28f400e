using NUnit.Framework;

namespace Sequor.Tests.Support;

/// <summary>Something that must be refused, with the exception's type and what its message must name.</summary>
public sealed class Refusal(string name, Type exception, Action act, params string[] says)
{
    /// <summary>Makes a refusal with an exception of the given type.</summary>
    public static Refusal Of<TException>(string name, Action act, params string[] says)
        where TException : Exception => new(name, typeof(TException), act, says);

    /// <summary>Fails unless the action is refused with this exception and message.</summary>
    public void Check()
    {
        Exception? thrown = Assert.Catch(() => act());
        Assert.That(thrown, Is.TypeOf(exception));
        foreach (string part in says)
            Assert.That(thrown!.Message, Does.Contain(part));
    }

    /// <inheritdoc/>
    public override string ToString() => name;
}
