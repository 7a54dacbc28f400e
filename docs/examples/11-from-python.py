"""The adding problem from Python, and tensors of numpy and PyTorch in place.

    python3 11-from-python.py [STEPS]

Needs sequor.py and libsequor: PYTHONPATH says where the module is, SEQUOR_LIBRARY where the library is if not beside it
(docs/c.md). numpy and PyTorch are used where they are there. The exit code is 0 where all agrees and the loss fell.
"""

import random
import sys

import sequor

LENGTH, BATCH = 30, 32


def batch(draw):
    """Sequences of numbers [T, B, 2], two of each marked, and the sums of these."""
    marks = [(draw.randrange(LENGTH // 2), LENGTH // 2 + draw.randrange(LENGTH // 2)) for _ in range(BATCH)]
    x = [[[draw.random(), float(t in marks[b])] for b in range(BATCH)] for t in range(LENGTH)]
    return x, [sum(x[t][b][0] for t in marks[b]) for b in range(BATCH)]


def train(backend, steps):
    model = sequor.Model({"layers": [{"type": "lstm", "input": 2, "hidden": 32}, {"type": "last"},
                                     {"type": "linear", "outputs": 1}]})
    plan = sequor.Plan(model, backend, max_length=LENGTH, max_batch=BATCH)
    loss = sequor.Loss(plan, "mse")
    adam = sequor.Optimizer(plan, "adam", learning_rate=0.01, clip=1)
    step = sequor.Step(loss, adam)
    draw, means, losses = random.Random(1), [], []
    for i in range(1, steps + 1):
        x, y = batch(draw)
        plan.set_input(x)
        loss.set_targets(y)
        step.run()
        losses.append(loss.value())
        if i % 100 == 0:
            means.append(sum(losses[-100:]) / 100)
            print(f"step {i:4}: loss {means[-1]:.4f}")
    print(f"{model.parameter_count} parameters, {adam.step_count} updates")
    for each in (step, adam, loss, plan, model):
        each.close()
    return len(means) < 2 or means[-1] < means[0]


def share_with_numpy(backend):
    try:
        import numpy
    except ImportError:
        print("numpy is not here")
        return True
    tensor = sequor.Tensor(backend, (2, 3))
    seen = numpy.from_dlpack(tensor)  # the same memory
    tensor.write(numpy.arange(6, dtype=numpy.float32).reshape(2, 3))
    theirs = numpy.ones((4, 2), dtype=numpy.float32)
    ours = sequor.Tensor.from_dlpack(backend, theirs, write=True)
    ours.write(numpy.full((4, 2), 7, dtype=numpy.float32))
    agree = bool((seen == [[0, 1, 2], [3, 4, 5]]).all() and (theirs == 7).all())
    ours.close()
    tensor.close()  # the memory stays while numpy has it
    agree = agree and seen[1, 2] == 5
    print("numpy shares memory with a tensor, both ways" if agree else "numpy sees other values")
    return agree


def lstm_beside_torch(backend):
    try:
        import torch
    except ImportError:
        print("PyTorch is not here")
        return True
    torch.manual_seed(1)
    theirs = torch.nn.LSTM(5, 8, num_layers=2)
    x = torch.randn(11, 3, 5, requires_grad=True)
    expected, _ = theirs(x)
    expected.square().sum().backward()

    ours = sequor.Model({"type": "lstm", "input": 5, "hidden": 8, "layers": 2})
    ours.initialize(backend)
    for name, weight in theirs.named_parameters():
        ours.write(name, weight.detach().numpy())
    plan = sequor.Plan(ours, backend, max_length=11, max_batch=3, input_gradient=True)
    output = plan.forward(x.detach())  # its memory is read where it is
    seen = torch.from_dlpack(output)  # and this is the plan's memory
    farthest = (seen - expected.detach()).abs().max().item()
    plan.backward((2 * expected.detach()).contiguous())
    dx = torch.from_dlpack(plan.input_gradient())
    farthest = max(farthest, (dx - x.grad).abs().max().item())
    for name, weight in theirs.named_parameters():
        gradient = torch.from_dlpack(plan.gradient(name))
        farthest = max(farthest, ((gradient - weight.grad).abs() / (1 + weight.grad.abs())).max().item())
    agree = farthest <= 1e-5
    print(f"an LSTM on PyTorch's tensors beside nn.LSTM: outputs and gradients differ by {farthest:.1e}"
          + ("" if agree else ", which is too much"))
    plan.close()
    ours.close()
    return agree


def main():
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    backend = sequor.Backend("auto")
    print(f"libsequor {sequor.version()} on {backend.info['description']}")
    try:
        sequor.Model({"type": "lstm", "input": 2, "hiden": 32})
        refused = False
    except sequor.Error as error:
        print(f"{error.status}: {error}")
        refused = error.status == "DESCRIPTION"
    right = [refused, train(backend, steps)]
    if backend.info["device"] == "cpu":
        right += [share_with_numpy(backend), lstm_beside_torch(backend)]
    backend.close()
    return 0 if all(right) else 1


if __name__ == "__main__":
    sys.exit(main())
