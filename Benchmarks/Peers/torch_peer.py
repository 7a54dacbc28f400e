#!/usr/bin/env python3
"""Times a training step of the same models in PyTorch: forward, loss, backward, Adam.

Prints one JSON object: arch, device, length, batch, hidden, layers, parameters, threads,
torch, mode, tf32, step_ms (median), samples_ms, tokens_per_s. In mode graphed the whole step is
one CUDA graph, as PyTorch's notes on CUDA have it for a whole network; in mode compiled the
model goes through torch.compile.

    torch_peer.py --arch gru --hidden 151 --layers 1 --length 600 --batch 32 --threads 2
"""

import argparse
import json
import math
import statistics
import time
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

try:
    from torch.nn.utils.parametrizations import weight_norm
except ImportError:  # before PyTorch 2.0
    from torch.nn.utils import weight_norm

INPUTS, OUTPUTS = 2, 1  # the adding problem
KERNEL = 8


class Recurrent(nn.Module):
    """A recurrent network whose last output goes through a linear layer."""

    def __init__(self, cell, width, depth):
        super().__init__()
        self.body = cell(INPUTS, width, depth)
        self.head = nn.Linear(width, OUTPUTS)

    def forward(self, x):
        states, _ = self.body(x)
        return self.head(states[-1])


class LanguageModel(nn.Module):
    """A model of words: its embedding's rows are the output layer's weights too."""

    def __init__(self, cell, words, width, depth):
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.body = cell(width, width, depth)
        self.bias = nn.Parameter(torch.zeros(words))

    def forward(self, x):
        states, _ = self.body(self.embedding(x))
        return F.linear(states.flatten(0, 1), self.embedding.weight, self.bias)


class TcnBlock(nn.Module):
    """Two weight-normed causal convolutions and a skip. Bai, Kolter and Koltun (2018), section 3.3."""

    def __init__(self, inputs, outputs, dilation):
        super().__init__()
        self.chomp = (KERNEL - 1) * dilation
        convolution = dict(kernel_size=KERNEL, dilation=dilation, padding=self.chomp)
        self.first = weight_norm(nn.Conv1d(inputs, outputs, **convolution))
        self.second = weight_norm(nn.Conv1d(outputs, outputs, **convolution))
        self.skip = nn.Identity() if inputs == outputs else nn.Conv1d(inputs, outputs, 1)

    def causal(self, convolution, x):
        return F.relu(convolution(x)[..., : -self.chomp].contiguous())

    def forward(self, x):
        return F.relu(self.causal(self.second, self.causal(self.first, x)) + self.skip(x))


class Tcn(nn.Module):
    def __init__(self, width, levels):
        super().__init__()
        widths = [INPUTS] + [width] * levels
        self.body = nn.Sequential(
            *(TcnBlock(widths[i], widths[i + 1], 2**i) for i in range(levels))
        )
        self.head = nn.Linear(width, OUTPUTS)

    def forward(self, x):
        return self.head(self.body(x.permute(1, 2, 0))[..., -1])


def scan(decay, u):
    """x[t] = decay x[t-1] + u[t] over the first dimension, in log2(T) passes over all of it."""
    shift = 1
    while shift < u.shape[0]:
        u = torch.cat([u[:shift], u[shift:] + decay * u[:-shift]])
        decay = decay * decay
        shift *= 2
    return u


class LruBlock(nn.Module):
    """A linear recurrent unit with norm, gate and skip. Orvieto et al. (2023), section 3."""

    def __init__(self, size, states, low=0.9, high=0.999, phase=6.28):
        super().__init__()
        square = torch.rand(states) * (high**2 - low**2) + low**2
        self.nu = nn.Parameter(torch.log(-0.5 * torch.log(square)))
        self.theta = nn.Parameter(torch.log(phase * torch.rand(states)))
        radius = torch.exp(-torch.exp(self.nu.detach()))
        self.gamma = nn.Parameter(0.5 * torch.log(1 - radius**2))
        self.b_re = nn.Parameter(torch.randn(states, size) / math.sqrt(2 * size))
        self.b_im = nn.Parameter(torch.randn(states, size) / math.sqrt(2 * size))
        self.c_re = nn.Parameter(torch.randn(size, states) / math.sqrt(states))
        self.c_im = nn.Parameter(torch.randn(size, states) / math.sqrt(states))
        self.d = nn.Parameter(torch.randn(size))
        self.norm = nn.LayerNorm(size)
        self.value = nn.Linear(size, size)
        self.gate = nn.Linear(size, size)

    def forward(self, x):
        z = self.norm(x)
        decay = torch.polar(torch.exp(-torch.exp(self.nu)), torch.exp(self.theta))
        gain = torch.exp(self.gamma)[:, None]
        u = torch.complex(z @ (gain * self.b_re).t(), z @ (gain * self.b_im).t())
        h = scan(decay, u)
        y = F.gelu(h.real @ self.c_re.t() - h.imag @ self.c_im.t() + self.d * z)
        return x + self.value(y) * torch.sigmoid(self.gate(y))


class Lru(nn.Module):
    def __init__(self, width, blocks):
        super().__init__()
        self.encoder = nn.Linear(INPUTS, width)
        self.body = nn.Sequential(*(LruBlock(width, width) for _ in range(blocks)))
        self.head = nn.Linear(width, OUTPUTS)

    def forward(self, x):
        return self.head(self.body(self.encoder(x)).mean(0))


class S5Block(nn.Module):
    """A simplified state space layer with batch norm, half GLU and skip. Smith, Warrington and Linderman (2023).

    As in their JAX code: Lambda, B and C complex, zero-order hold with a step for each state, an associative scan over
    time, one state of each conjugate pair, and half_glu1 after the GELU.
    """

    def __init__(self, size, states, least=1e-3, most=1e-1):
        super().__init__()
        rows = torch.sqrt(2 * torch.arange(2 * states, dtype=torch.float64) + 1)
        skew = torch.outer(rows, rows) / 2
        skew = torch.triu(skew, 1) - torch.tril(skew, -1)
        frequencies, vectors = torch.linalg.eigh(-1j * skew)
        vectors = vectors[:, :states]
        b = torch.randn(2 * states, size, dtype=torch.float64) / math.sqrt(2 * states)
        c = torch.randn(size, 2 * states, 2, dtype=torch.float64) / math.sqrt(2 * states)
        self.real = nn.Parameter(torch.full((states,), -0.5))
        self.imaginary = nn.Parameter(frequencies[:states].float())
        self.b = nn.Parameter(torch.view_as_real((vectors.conj().t() @ b.to(vectors.dtype)).to(torch.cfloat)))
        self.c = nn.Parameter(torch.view_as_real((torch.view_as_complex(c) @ vectors).to(torch.cfloat)))
        self.d = nn.Parameter(torch.randn(size))
        self.log_step = nn.Parameter(
            torch.rand(states) * (math.log(most) - math.log(least)) + math.log(least)
        )
        self.norm = nn.BatchNorm1d(size, momentum=0.05)
        self.gate = nn.Linear(size, size)

    def forward(self, x):
        z = self.norm(x.reshape(-1, x.shape[-1])).reshape(x.shape)
        eigenvalues = torch.complex(self.real, self.imaginary)
        decay = torch.exp(eigenvalues * torch.exp(self.log_step))
        b = ((decay - 1) / eigenvalues)[:, None] * torch.view_as_complex(self.b)
        # By real products of the parts: PyTorch's own of complex matrices take ten times as long on a CPU.
        h = scan(decay, torch.complex(z @ b.real.t(), z @ b.imag.t()))
        y = 2 * (h.real @ self.c[..., 0].t() - h.imag @ self.c[..., 1].t())
        y = F.gelu(y + self.d * z, approximate="tanh")
        return x + y * torch.sigmoid(self.gate(y))


class S5(nn.Module):
    def __init__(self, width, blocks):
        super().__init__()
        self.encoder = nn.Linear(INPUTS, width)
        self.body = nn.Sequential(*(S5Block(width, width) for _ in range(blocks)))
        self.head = nn.Linear(width, OUTPUTS)

    def forward(self, x):
        return self.head(self.body(self.encoder(x)).mean(0))


def convolve(u, kernel):
    """Causal convolution of u [B, H, T] with kernel [H, T] by an FFT of twice the length."""
    length = u.shape[-1]
    product = torch.fft.rfft(u, n=2 * length) * torch.fft.rfft(kernel, n=2 * length)
    return torch.fft.irfft(product, n=2 * length)[..., :length]


def log_steps(size):
    return math.log(1e-3) + torch.rand(size) * (math.log(1e-1) - math.log(1e-3))


class S4D(nn.Module):
    """The kernel as a Vandermonde product. Gu et al. (2022), 2206.11893, listing 1 and section 3."""

    def __init__(self, size, states=32):
        super().__init__()
        n = torch.arange(states)
        inverse = 2 * states / math.pi * (2 * states / (2 * n + 1) - 1)
        self.log_dt = nn.Parameter(log_steps(size))
        self.c = nn.Parameter(torch.view_as_real(torch.randn(size, states, dtype=torch.cfloat)))
        self.log_a_real = nn.Parameter(torch.log(0.5 * torch.ones(size, states)))
        self.a_imag = nn.Parameter(inverse.repeat(size, 1))
        self.d = nn.Parameter(torch.randn(size))

    def kernel(self, length):
        a = torch.complex(-torch.exp(self.log_a_real), self.a_imag)
        step = a * torch.exp(self.log_dt)[:, None]
        c = torch.view_as_complex(self.c) * (torch.exp(step) - 1) / a
        powers = torch.exp(step[..., None] * torch.arange(length, device=a.device))
        return 2 * torch.einsum("hn,hnl->hl", c, powers).real

    def forward(self, u):
        return convolve(u, self.kernel(u.shape[-1])) + self.d[:, None] * u


class Dss(nn.Module):
    """The softmax kernel. Gupta, Gu and Berant (2022), 2203.14343, section 3; no real part grows here."""

    def __init__(self, size, states=64):
        super().__init__()
        self.log_dt = nn.Parameter(log_steps(size)[:, None].repeat(1, 2))
        # Phases as a line through those of HiPPO: what they are makes no difference to the time.
        values = torch.stack([-0.5 * torch.ones(states), math.pi * torch.arange(states).flip(0)], -1)
        self.eigenvalues = nn.Parameter(values)
        self.w = nn.Parameter(torch.randn(size, states, 2))
        self.d = nn.Parameter(torch.randn(size))

    def kernel(self, length):
        a = torch.view_as_complex(self.eigenvalues)
        step = torch.view_as_complex(torch.exp(self.log_dt)[:, None] * self.eigenvalues)
        powers = torch.exp(step[..., None] * torch.arange(length, device=a.device))
        below = (torch.exp(length * step) - 1) * a
        inverse = below.conj() / (below * below.conj() + 1e-7)
        w = torch.view_as_complex(self.w) * (torch.exp(step) - 1) * inverse
        return torch.einsum("hn,hnl->hl", w, powers).real

    def forward(self, u):
        return convolve(u, self.kernel(u.shape[-1])) + self.d[:, None] * u


class StateSpaceBlock(nn.Module):
    """Norm, state space, GELU, GLU or linear layer, and skip, on [B, H, T] as in the authors' code."""

    def __init__(self, core, size, gated):
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.core = core(size)
        self.out = nn.Conv1d(size, (1 + gated) * size, 1)
        self.gated = gated

    def forward(self, x):
        z = self.norm(x.transpose(1, 2)).transpose(1, 2)
        y = self.out(F.gelu(self.core(z)))
        return x + (F.glu(y, dim=1) if self.gated else y)


class StateSpace(nn.Module):
    def __init__(self, core, width, blocks, gated):
        super().__init__()
        self.encoder = nn.Linear(INPUTS, width)
        self.body = nn.Sequential(*(StateSpaceBlock(core, width, gated) for _ in range(blocks)))
        self.head = nn.Linear(width, OUTPUTS)

    def forward(self, x):
        return self.head(self.body(self.encoder(x).permute(1, 2, 0)).mean(-1))


# What PyTorch is measured on, by the names of Sequor's catalogue; sizes are those that Sequor tells.
CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}

MODELS = {
    **{name: partial(Recurrent, cell) for name, cell in CELLS.items()},
    "tcn": Tcn,
    "lru": Lru,
    "s5": S5,
    "s4d": lambda width, depth: StateSpace(S4D, width, depth, gated=True),
    "dss": lambda width, depth: StateSpace(Dss, width, depth, gated=False),
}


def capture(queue, adam):
    """The work as one CUDA graph; what replays it."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            queue()
    torch.cuda.current_stream().wait_stream(side)
    # Gradients that are not there are allocated within the graph, which then owns them.
    adam.zero_grad(set_to_none=True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        queue()
    return graph.replay


def measure(options):
    # By default cuDNN's is on, and that of products off.
    torch.backends.cuda.matmul.allow_tf32 = options.tf32
    torch.backends.cudnn.allow_tf32 = options.tf32
    torch.manual_seed(options.seed)
    if options.classes:
        model = LanguageModel(CELLS[options.arch], options.classes, options.hidden, options.layers)
    else:
        model = MODELS[options.arch](options.hidden, options.layers)
    model = model.to(options.device)
    parameters = sum(p.numel() for p in model.parameters())
    graphed = options.mode == "graphed"
    # A captured update must not ask the host for its step number.
    adam = torch.optim.Adam(model.parameters(), lr=2e-3, capturable=graphed)
    if options.mode == "compiled":
        model = torch.compile(model)
    length, batch = options.length, options.batch
    if options.classes:
        x = torch.randint(options.classes, (length, batch), device=options.device)
        y = torch.randint(options.classes, (length * batch,), device=options.device)
    else:
        x = torch.rand(length, batch, INPUTS, device=options.device)
        y = torch.rand(batch, OUTPUTS, device=options.device)
    loss = F.cross_entropy if options.classes else F.mse_loss
    on_gpu = options.device.startswith("cuda")

    def queue():
        adam.zero_grad(set_to_none=True)
        loss(model(x), y).backward()
        adam.step()

    work = capture(queue, adam) if graphed else queue

    def step():
        work()
        if on_gpu:
            torch.cuda.synchronize()

    for _ in range(options.warmup):
        step()
    # A GPU that did nothing is slow at first.
    end = time.perf_counter() + options.warmup_seconds
    while time.perf_counter() < end:
        step()
    samples = []
    for _ in range(options.steps):
        start = time.perf_counter()
        step()
        samples.append(1e3 * (time.perf_counter() - start))
    median = statistics.median(samples)
    return {
        "arch": options.arch,
        "device": options.device,
        "length": options.length,
        "batch": options.batch,
        "hidden": options.hidden,
        "layers": options.layers,
        "parameters": parameters,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "mode": options.mode,
        "tf32": options.tf32,
        "step_ms": round(median, 4),
        "samples_ms": [round(s, 4) for s in samples],
        "tokens_per_s": round(1e3 * options.length * options.batch / median, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true", help="prints the names of --arch, and ends")
    parser.add_argument("--arch", choices=MODELS)
    parser.add_argument("--length", type=int, default=600)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--hidden", type=int, help="hidden units or channels, as bench tells them")
    parser.add_argument("--layers", type=int, help="layers, levels or blocks")
    parser.add_argument("--classes", type=int, default=0, help="words of a language model, of rnn, lstm or gru")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="0 leaves it to PyTorch")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--warmup-seconds", type=float, default=0, help="more warm-up, for a GPU")
    parser.add_argument("--tf32", action="store_true", help="TF32 for products and cuDNN alike")
    parser.add_argument("--mode", choices=["eager", "graphed", "compiled"], default="eager")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.list:
        print("\n".join(MODELS))
        return
    for name in ("arch", "hidden", "layers"):
        if not getattr(options, name):
            parser.error(f"--{name} is needed")
    if options.classes and options.arch not in CELLS:
        parser.error(f"--classes makes no sense with {options.arch}: there are models of words of {', '.join(CELLS)}")
    if options.mode == "graphed" and not options.device.startswith("cuda"):
        parser.error("--mode graphed needs --device cuda")
    if options.mode == "compiled" and not hasattr(torch, "compile"):
        parser.error(f"--mode compiled needs PyTorch 2, this is {torch.__version__}")
    if options.threads:
        torch.set_num_threads(options.threads)
    print(json.dumps(measure(options)), flush=True)


if __name__ == "__main__":
    main()
