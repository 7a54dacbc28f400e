namespace Sequor.Layers;

/// <summary>How a state space of continuous time, x' = Lambda x + B u, becomes one of steps of dt, x = lambda x + f B u.</summary>
public enum Discretization
{
    /// <summary>The input is held for a step: lambda = exp(dt Lambda), f = (lambda - 1) / Lambda.</summary>
    ZeroOrderHold,

    /// <summary>By the trapezoid: lambda = (1 + dt Lambda / 2) / (1 - dt Lambda / 2), f = dt / (1 - dt Lambda / 2).</summary>
    Bilinear,
}
