"""Sequence layers (tanh RNN, LSTM, GRU, TCN, LRU) on a CPU or an NVIDIA GPU: libsequor by ctypes.

    import sequor

    backend = sequor.Backend("cpu")
    model = sequor.Model({"layers": [{"type": "lstm", "input": 2, "hidden": 32}, {"type": "last"},
                                     {"type": "linear", "outputs": 1}]})
    plan = sequor.Plan(model, backend, max_length=100, max_batch=32)
    loss = sequor.Loss(plan, "mse")
    adam = sequor.Optimizer(plan, "adam", learning_rate=1e-3, clip=1)
    step = sequor.Step(loss, adam)
    plan.set_input(x)          # [T, B, C], float32
    loss.set_targets(y)
    step.run()
    print(loss.value())

The library is the file that SEQUOR_LIBRARY names, else the one beside this module, of two the one for AVX-512 where the
processor has it. It needs no package: values are
numpy arrays where numpy is there and lists where it is not. Tensors of PyTorch, numpy, CuPy and others are taken and
given in place by DLPack. docs/c.md has the descriptions of models, losses and optimizers, and the rules for threads.
"""

import array
import ctypes
import json
import os
import platform
import sys
from ctypes import POINTER, byref, c_char_p, c_float, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

__all__ = ["Backend", "Error", "Loss", "Model", "Optimizer", "Plan", "Step", "StreamState", "Tensor", "load_checkpoint", "version"]

ABI_VERSION = 0x00010002

STATUS = (
    "OK", "ARGUMENT", "HANDLE", "DESCRIPTION", "STATE", "THREAD", "CLOSED", "DEVICE", "MEMORY", "FILE", "UNSUPPORTED",
    "BUFFER", "VERSION", "FORKED", "CUDA", "DIVERGED", "INTERNAL",
)

_MODES = {"training": 0, "evaluation": 1, "streaming": 2}
_STATES = ("initial_hidden", "initial_cell", "final_hidden", "final_cell", "final_hidden_gradient", "final_cell_gradient",
           "initial_hidden_gradient", "initial_cell_gradient")
_CPU, _CUDA = 1, 2


class Error(Exception):
    """What the library refused. status is the code's name, such as HANDLE or DESCRIPTION; LIBRARY where it cannot be loaded."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class _CpuOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("threads", c_int32), ("vector_bits", c_int32), ("no_nvtx", c_int32)]


class _CudaOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("math", c_int32), ("self_check", c_int32), ("no_graphs", c_int32),
                ("no_nvtx", c_int32), ("reserved", c_int32), ("autotune", c_char_p)]


class _PlanOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("mode", c_int32), ("max_length", c_int32), ("max_batch", c_int32),
                ("variable_lengths", c_int32), ("input_gradient", c_int32), ("seed", c_uint64),
                ("states", c_int32), ("carry", c_int32), ("gradient_in_output", c_int32), ("reserved", c_int32)]


# sequor.h's functions that return a status, with their parameters: h handle, H place of one, i int32, I place of one,
# l int64, L place of one, u uint64, f float, F floats or the place of one, s text, b buffer, z size_t, Z place of one,
# p address, P place of one, c cpu options, g cuda options, o plan options. A test compares this with the header.
_FUNCTIONS = {
    "sequor_backend_cpu": "cH", "sequor_backend_cuda": "igH", "sequor_backend_auto": "cgH",
    "sequor_backend_attach": "ppgH", "sequor_backend_info": "hbzZ", "sequor_backend_memory": "hLL",
    "sequor_backend_synchronize": "h", "sequor_backend_free": "h", "sequor_backend_dlpack_stream": "hIL",
    "sequor_model_create": "sH", "sequor_model_channels": "hII", "sequor_model_parameter_count": "hL",
    "sequor_model_value_count": "hI", "sequor_model_value": "hibzZIII", "sequor_model_initialize": "hhu",
    "sequor_model_read": "hsFl", "sequor_model_write": "hsFl", "sequor_model_tensor": "hsH",
    "sequor_model_save": "hs", "sequor_model_load": "hsh", "sequor_model_save_torch": "hss",
    "sequor_model_load_torch": "hshs", "sequor_model_free": "h",
    "sequor_plan_create": "hhoH", "sequor_plan_set_input": "hFliiIl", "sequor_plan_input": "hiiH",
    "sequor_plan_forward": "hFliiIl", "sequor_plan_forward_tensor": "hhIl", "sequor_plan_forward_packed": "hFlIl",
    "sequor_plan_forward_packed_tensor": "hhIl", "sequor_plan_output_shape": "hII",
    "sequor_plan_read_output": "hFl", "sequor_plan_output": "hH", "sequor_plan_backward": "hFli",
    "sequor_plan_backward_tensor": "hhi", "sequor_plan_input_gradient": "hH", "sequor_plan_gradient": "hsH",
    "sequor_plan_reset": "h", "sequor_plan_free": "h",
    "sequor_plan_state": "hsiiH", "sequor_plan_carry_over": "h", "sequor_plan_stream_state": "hH",
    "sequor_plan_set_stream_state": "hh", "sequor_stream_state_free": "h",
    "sequor_loss_create": "hsH", "sequor_loss_set_targets": "hFlFl", "sequor_loss_compute": "h",
    "sequor_loss_backward": "hi", "sequor_loss_value": "hF", "sequor_loss_gradient": "hH", "sequor_loss_free": "h",
    "sequor_optimizer_create": "hsH", "sequor_optimizer_step": "hf", "sequor_optimizer_learning_rate": "hF",
    "sequor_optimizer_set_learning_rate": "hf", "sequor_optimizer_step_count": "hL",
    "sequor_optimizer_skipped_steps": "hL", "sequor_optimizer_gradient_norm": "hF", "sequor_optimizer_free": "h",
    "sequor_step_create": "hhH", "sequor_step_run": "h", "sequor_step_runs": "hLL", "sequor_step_free": "h",
    "sequor_checkpoint_save": "shhli", "sequor_checkpoint_load": "shhL",
    "sequor_tensor_create": "hiIH", "sequor_tensor_wrap": "hpiIH", "sequor_tensor_shape": "hII",
    "sequor_tensor_address": "hP", "sequor_tensor_read": "hFl", "sequor_tensor_write": "hFl",
    "sequor_tensor_copy": "hh", "sequor_tensor_device": "hII", "sequor_tensor_free": "h", "sequor_tensor_from_dlpack": "hpiiLH",
    "sequor_tensor_to_dlpack": "hiLP", "sequor_dlpack_delete": "pi",
}

_TYPES = {
    "h": c_uint64, "H": POINTER(c_uint64), "i": c_int32, "I": POINTER(c_int32), "l": c_int64, "L": POINTER(c_int64),
    "u": c_uint64, "f": c_float, "F": c_void_p, "s": c_char_p, "b": c_char_p, "z": c_size_t, "Z": POINTER(c_size_t),
    "p": c_void_p, "P": POINTER(c_void_p), "c": POINTER(_CpuOptions), "g": POINTER(_CudaOptions),
    "o": POINTER(_PlanOptions),
}

_library = None
_forgotten = []


def _flags(cpuinfo):
    """What /proc/cpuinfo says that this processor has; None where it says nothing."""
    try:
        with open(cpuinfo, encoding="ascii", errors="replace") as file:
            line = next((line for line in file if line.startswith("flags")), None)
    except OSError:
        return None
    return None if line is None else set(line.partition(":")[2].split())


def missing_instructions(cpuinfo="/proc/cpuinfo"):
    """What this processor lacks of what libsequor is compiled for (x86-64-v3); empty where nothing is known to be missing."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return []
    if sys.platform == "win32":
        # PF_AVX2_INSTRUCTIONS_AVAILABLE; what has AVX2 has the rest.
        return [] if ctypes.windll.kernel32.IsProcessorFeaturePresent(40) else ["avx2"]
    flags = _flags(cpuinfo)
    if flags is None:
        return []
    # lzcnt, which Linux calls abm, came with AVX2 and BMI2, and virtual machines' kernels may not tell of it.
    needed = ("avx", "avx2", "fma", "f16c", "bmi1", "bmi2", "movbe")
    return [flag for flag in needed if flag not in flags]


def _path(cpuinfo="/proc/cpuinfo"):
    named = os.environ.get("SEQUOR_LIBRARY")
    if named:
        return named
    name = {"win32": "libsequor.dll", "darwin": "libsequor.dylib"}.get(sys.platform, "libsequor.so")
    folder = os.path.dirname(os.path.abspath(__file__))
    # The system's loader would choose by itself, but not of a path.
    wide = os.path.join(folder, "glibc-hwcaps", "x86-64-v4", name)
    flags = _flags(cpuinfo) if platform.machine().lower() == "x86_64" and os.path.exists(wide) else None
    if flags is not None and flags >= {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}:
        return wide
    return os.path.join(folder, name)


def _load():
    global _library
    if _library is not None:
        return _library
    missing = missing_instructions()
    if missing:
        raise Error("LIBRARY", "libsequor is compiled for x86-64-v3, and this processor lacks " + ", ".join(missing)
                    + "; publish Layers/C with another IlcInstructionSet (docs/c.md)")
    path = _path()
    try:
        library = ctypes.CDLL(path)
        library.sequor_abi_version.restype = c_uint32
        abi = library.sequor_abi_version()
    except (OSError, AttributeError) as error:
        raise Error("LIBRARY", f"libsequor cannot be loaded from '{path}', which "
                    f"{'SEQUOR_LIBRARY names' if os.environ.get('SEQUOR_LIBRARY') else 'is beside sequor.py'}: {error}") from None
    if abi >> 16 != ABI_VERSION >> 16 or abi & 0xFFFF < ABI_VERSION & 0xFFFF:
        raise Error("LIBRARY", f"'{path}' has the ABI {abi >> 16}.{abi & 0xFFFF}; this module needs "
                    f"{ABI_VERSION >> 16}.{ABI_VERSION & 0xFFFF} or a later minor version")
    for name in ("sequor_version", "sequor_last_error", "sequor_status_name"):
        getattr(library, name).restype = c_char_p
    library.sequor_live_handles.restype = c_int64
    for name, letters in _FUNCTIONS.items():
        function = getattr(library, name)
        function.argtypes = [_TYPES[letter] for letter in letters]
        function.restype = c_int32
    _library = library
    return library


def _call(name, *arguments):
    library = _load()
    while _forgotten:
        # What another thread let go of while this one was in the backend.
        free, handle = _forgotten.pop()
        getattr(library, free)(handle)
    status = getattr(library, name)(*arguments)
    if status != 0:
        code = STATUS[status] if 0 < status < len(STATUS) else "INTERNAL"
        raise Error(code, library.sequor_last_error().decode("utf-8", "replace"))


def version():
    """The library's version."""
    return _load().sequor_version().decode()


def live_handles():
    """How many objects of the library were not freed yet."""
    return _load().sequor_live_handles()


def _text(value):
    return os.fspath(value).encode() if not isinstance(value, bytes) else value


def _description(kind, more):
    if isinstance(kind, str) and not more and kind.lstrip().startswith("{"):
        return kind.encode()
    if isinstance(kind, str):
        kind = {"type": kind}
    return json.dumps({**kind, **more}).encode()


class _Object:
    """Something that the library holds: close() frees it, as do a with statement and the collector."""

    _free = None

    def __init__(self):
        self._handle = 0

    @property
    def handle(self):
        """The handle, for calls of the library by other means."""
        return self._handle

    def close(self):
        """Frees it; a second call does nothing."""
        if self._handle:
            _call(self._free, self._handle)
            self._handle = 0

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __del__(self):
        handle, self._handle = getattr(self, "_handle", 0), 0
        if handle and _library is not None and getattr(_library, self._free)(handle) == STATUS.index("THREAD"):
            _forgotten.append((self._free, handle))

    def _make(self, name, *arguments):
        place = c_uint64()
        _call(name, *arguments, byref(place))
        self._handle = place.value
        return self


class Backend(_Object):
    """Where models run: "auto" (a GPU that passes its self-check, else the CPU), "cpu", "cuda" or "cuda:N"."""

    _free = "sequor_backend_free"

    def __init__(self, device="auto", threads=0, vector_bits=0, tf32=False, self_check="when_new", graphs=True, autotune=None):
        super().__init__()
        cpu, cuda = self._options(threads, vector_bits, tf32, self_check, graphs, autotune)
        kind, _, number = device.partition(":")
        if device == "auto":
            self._make("sequor_backend_auto", byref(cpu), byref(cuda))
        elif device == "cpu":
            self._make("sequor_backend_cpu", byref(cpu))
        elif kind == "cuda" and (number.isdigit() or device == "cuda"):
            self._make("sequor_backend_cuda", int(number or 0), byref(cuda))
        else:
            raise Error("ARGUMENT", f"unknown device {device!r}; allowed: auto, cpu, cuda, cuda:N")

    @classmethod
    def attach(cls, context, stream, tf32=False, graphs=True, autotune=None):
        """A GPU on the caller's CUcontext and CUstream, given as integers; neither is ever destroyed."""
        backend = cls.__new__(cls)
        _Object.__init__(backend)
        _, cuda = cls._options(0, 0, tf32, "when_new", graphs, autotune)
        return backend._make("sequor_backend_attach", context or None, stream or None, byref(cuda))

    @staticmethod
    def _options(threads, vector_bits, tf32, self_check, graphs, autotune):
        checks = {"when_new": 0, "always": 1, "never": 2}
        if self_check not in checks:
            raise Error("ARGUMENT", f"unknown self_check {self_check!r}; allowed: {', '.join(checks)}")
        cpu = _CpuOptions(ctypes.sizeof(_CpuOptions), threads, vector_bits, 0)
        cuda = _CudaOptions(ctypes.sizeof(_CudaOptions), int(tf32), checks[self_check], int(not graphs), 0, 0,
                            None if autotune is None else _text(autotune))
        return cpu, cuda

    @property
    def info(self):
        """What it runs on: device, description, threads, vector_bits, instructions, reason, warning, gpu."""
        size = c_size_t()
        _call("sequor_backend_info", self._handle, None, 0, byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        _call("sequor_backend_info", self._handle, buffer, size.value, byref(size))
        return json.loads(buffer.value.decode())

    @property
    def memory(self):
        """The bytes that are allocated now, and at most so far."""
        current, peak = c_int64(), c_int64()
        _call("sequor_backend_memory", self._handle, byref(current), byref(peak))
        return current.value, peak.value

    def synchronize(self):
        """Waits for all work that was queued."""
        _call("sequor_backend_synchronize", self._handle)

    def _dlpack_stream(self):
        device, stream = c_int32(), c_int64()
        _call("sequor_backend_dlpack_stream", self._handle, byref(device), byref(stream))
        return device.value, stream.value


class Model(_Object):
    """Layers and their parameters, made of a description: a dict, or JSON."""

    _free = "sequor_model_free"

    def __init__(self, description):
        super().__init__()
        text = description.encode() if isinstance(description, str) else json.dumps(description).encode()
        self._make("sequor_model_create", text)

    @property
    def channels(self):
        """The channels of its input and of its output."""
        inputs, outputs = c_int32(), c_int32()
        _call("sequor_model_channels", self._handle, byref(inputs), byref(outputs))
        return inputs.value, outputs.value

    @property
    def parameter_count(self):
        """How many numbers are trained."""
        count = c_int64()
        _call("sequor_model_parameter_count", self._handle, byref(count))
        return count.value

    @property
    def shapes(self):
        """The shapes of all parameters, and behind them of all buffers, by name."""
        count = c_int32()
        _call("sequor_model_value_count", self._handle, byref(count))
        shapes = {}
        for index in range(count.value):
            size, rank, sizes = c_size_t(), c_int32(), (c_int32 * 3)()
            _call("sequor_model_value", self._handle, index, None, 0, byref(size), byref(rank), sizes, None)
            buffer = ctypes.create_string_buffer(size.value)
            _call("sequor_model_value", self._handle, index, buffer, size.value, byref(size), byref(rank), sizes, None)
            shapes[buffer.value.decode()] = tuple(sizes[: rank.value])
        return shapes

    def initialize(self, backend, seed=1):
        """Puts the values on a backend, drawn from a seed."""
        _call("sequor_model_initialize", self._handle, backend.handle, seed)

    def read(self, name):
        """A copy of a parameter or a buffer."""
        tensor = self.tensor(name)
        try:
            return tensor.read()
        finally:
            tensor.close()

    def write(self, name, values):
        """Sets a parameter or a buffer: float32 of its shape, or nested lists."""
        address, count, _, kept = _take(values)
        _call("sequor_model_write", self._handle, _text(name), address, count)
        del kept

    def tensor(self, name):
        """A parameter or a buffer in place."""
        return Tensor._of("sequor_model_tensor", self, self._handle, _text(name))

    def save(self, path):
        """Saves all values as safetensors."""
        _call("sequor_model_save", self._handle, _text(path))

    def load(self, path, backend=None):
        """Loads what save wrote; a model that is on no backend yet goes on the one that is given."""
        _call("sequor_model_load", self._handle, _text(path), backend.handle if backend else 0)

    def save_torch(self, path, modules=None):
        """Saves for PyTorch's load_state_dict(safetensors.torch.load_file(path)).

        modules are the names of PyTorch's modules by those of layers, as {"0": "rnn"}, where they differ.
        """
        _call("sequor_model_save_torch", self._handle, _text(path), _names(modules, None))

    def load_torch(self, path, backend=None, modules=None, ignore=None):
        """Loads what safetensors.torch.save_file(state_dict, path) wrote, but for what ignore names."""
        _call("sequor_model_load_torch", self._handle, _text(path), backend.handle if backend else 0, _names(modules, ignore))


class Plan(_Object):
    """A model that is ready to run up to a length and a batch: mode is "training", "evaluation" or "streaming"."""

    _free = "sequor_plan_free"

    def __init__(self, model, backend, max_length, max_batch, mode="training", variable_lengths=False, input_gradient=False, seed=0,
                 states=False, carry=False, gradient_in_output=False):
        super().__init__()
        if mode not in _MODES:
            raise Error("ARGUMENT", f"unknown mode {mode!r}; allowed: {', '.join(_MODES)}")
        options = _PlanOptions(ctypes.sizeof(_PlanOptions), _MODES[mode], max_length, max_batch, int(variable_lengths),
                               int(input_gradient), seed, int(states), int(carry), int(gradient_in_output), 0)
        self._make("sequor_plan_create", model.handle, backend.handle, byref(options))
        self._model, self._backend = model, backend
        self._inputs = ()

    def set_input(self, x, lengths=None):
        """Loads an input [T, B, C] of the host without running the model; before Step.run."""
        address, count, shape, kept = _take(x, 3)
        _call("sequor_plan_set_input", self._handle, address, count, shape[0], shape[1], *_lengths(lengths))
        del kept

    def input(self, length, batch):
        """The plan's own place of an input, to be written on the device."""
        return Tensor._of("sequor_plan_input", self, self._handle, length, batch)

    def forward(self, x, lengths=None):
        """Runs the model and returns its output, in place until the next call.

        x is a Tensor or whatever gives one by DLPack (its memory is used as it is), or values of the host [T, B, C].
        """
        tensor = self._in_place(x)
        if tensor is None:
            address, count, shape, kept = _take(x, 3)
            _call("sequor_plan_forward", self._handle, address, count, shape[0], shape[1], *_lengths(lengths))
            del kept
        else:
            _call("sequor_plan_forward_tensor", self._handle, tensor.handle, *_lengths(lengths))
        # Backward reads it again.
        self._inputs = (x, tensor)
        return self.output()

    def forward_packed(self, rows, lengths):
        """Runs the model on packed rows, the data of PyTorch's PackedSequence; returns the output, packed alike.

        rows are [N, C] of the host, or in place a Tensor or whatever gives one by DLPack, [N, C] or [N, 1, C]; lengths go down.
        """
        tensor = self._in_place(rows)
        if tensor is None:
            address, count, _, kept = _take(rows, 2, "packed rows are [N, C]")
            _call("sequor_plan_forward_packed", self._handle, address, count, *_lengths(lengths))
            del kept
        else:
            _call("sequor_plan_forward_packed_tensor", self._handle, tensor.handle, *_lengths(lengths))
        self._inputs = (rows, tensor)
        return self.output()

    def output(self):
        """The output of the last forward pass, in place."""
        return Tensor._of("sequor_plan_output", self, self._handle)

    def backward(self, gradient, accumulate=False):
        """Computes the parameters' gradients from that of the output: as x of forward."""
        tensor = self._in_place(gradient)
        if tensor is None:
            address, count, _, kept = _take(gradient)
            _call("sequor_plan_backward", self._handle, address, count, int(accumulate))
            del kept
        else:
            _call("sequor_plan_backward_tensor", self._handle, tensor.handle, int(accumulate))

    def input_gradient(self):
        """The gradient of the input from the last backward pass, in place."""
        return Tensor._of("sequor_plan_input_gradient", self, self._handle)

    def gradient(self, name):
        """The gradient of a parameter, in place."""
        return Tensor._of("sequor_plan_gradient", self, self._handle, _text(name))

    def reset(self):
        """Begins a stream anew (also of a plan with carry), or sets all initial states to zero (a plan with states)."""
        _call("sequor_plan_reset", self._handle)

    def state(self, layer, which, batch=0):
        """States of a recurrent layer in place, [layers and directions, B, hidden], of a plan with states.

        which is "initial_hidden", "initial_cell" (of so many sequences as batch says), "final_hidden", "final_cell", or one of
        these with "_gradient" behind it; layer is the name before the last dot of its values' names.
        """
        if which not in _STATES:
            raise Error("ARGUMENT", f"unknown states {which!r}; allowed: {', '.join(_STATES)}")
        return Tensor._of("sequor_plan_state", self, self._handle, _text(layer), _STATES.index(which), batch)

    def carry_over(self):
        """Has the next forward pass begin with the final states of the last one."""
        _call("sequor_plan_carry_over", self._handle)

    def stream_state(self):
        """A copy of all that a stream, or a plan with carry, carries from call to call, for set_stream_state."""
        return StreamState(self)

    def set_stream_state(self, state):
        """Goes on from a copy, of this plan or of one made alike for the same model."""
        _call("sequor_plan_set_stream_state", self._handle, state.handle)

    def _in_place(self, values):
        if isinstance(values, Tensor):
            return values
        # What lies in host memory and cannot be told by DLPack is copied; a numpy array may be anything that numpy has.
        if hasattr(values, "__dlpack__") and not hasattr(values, "__array_interface__"):
            return Tensor.from_dlpack(self._backend, values)
        return None


class StreamState(_Object):
    """A copy of what a stream carries: Plan.stream_state() makes it."""

    _free = "sequor_stream_state_free"

    def __init__(self, plan):
        super().__init__()
        self._make("sequor_plan_stream_state", plan.handle)


class Loss(_Object):
    """What compares a plan's output with targets: "mse", "softmax_cross_entropy" (ignore_index) or "binary_cross_entropy"."""

    _free = "sequor_loss_free"

    def __init__(self, plan, kind="mse", **more):
        super().__init__()
        self._make("sequor_loss_create", plan.handle, _description(kind, more))
        self._plan = plan

    def set_targets(self, targets, weights=None):
        """Loads targets, and a weight for each row, for the input that was loaded or run last."""
        address, count, _, kept = _take(targets)
        weigh, rows, _, held = (None, 0, None, None) if weights is None else _take(weights)
        _call("sequor_loss_set_targets", self._handle, address, count, weigh, rows)
        del kept, held

    def compute(self):
        """Compares without a backward pass."""
        _call("sequor_loss_compute", self._handle)

    def backward(self, accumulate=False):
        """Compares, and runs the plan's backward pass."""
        _call("sequor_loss_backward", self._handle, int(accumulate))

    def value(self):
        """The last loss, after waiting for the device."""
        value = c_float()
        _call("sequor_loss_value", self._handle, byref(value))
        return value.value

    def gradient(self):
        """The gradient of the output, in place until the plan runs again."""
        return Tensor._of("sequor_loss_gradient", self, self._handle)


class Optimizer(_Object):
    """What changes a plan's parameters: "sgd", "nesterov", "rmsprop", "adam" or "adamw", with learning_rate and more."""

    _free = "sequor_optimizer_free"

    def __init__(self, plan, kind, **more):
        super().__init__()
        self._make("sequor_optimizer_create", plan.handle, _description(kind, more))
        self._plan = plan

    def step(self, clip=0.0):
        """Changes the parameters; clip is the largest norm of all gradients from now on, 0 leaves it as it is."""
        _call("sequor_optimizer_step", self._handle, clip)

    @property
    def learning_rate(self):
        """The learning rate of the next steps."""
        rate = c_float()
        _call("sequor_optimizer_learning_rate", self._handle, byref(rate))
        return rate.value

    @learning_rate.setter
    def learning_rate(self, rate):
        _call("sequor_optimizer_set_learning_rate", self._handle, rate)

    @property
    def step_count(self):
        """Updates so far."""
        return self._count("sequor_optimizer_step_count")

    @property
    def skipped_steps(self):
        """Steps that changed nothing, as gradients were not finite."""
        return self._count("sequor_optimizer_skipped_steps")

    @property
    def gradient_norm(self):
        """The norm of all gradients at the last step, before clipping."""
        norm = c_float()
        _call("sequor_optimizer_gradient_norm", self._handle, byref(norm))
        return norm.value

    def save(self, path, position=0, keep=0):
        """Saves model, optimizer and random numbers in one file; position is the next batch's number."""
        _call("sequor_checkpoint_save", _text(path), self._plan.handle, self._handle, position, keep)

    def load(self, path):
        """Goes on from what save wrote; returns the position."""
        return load_checkpoint(path, self._plan, self)

    def _count(self, name):
        count = c_int64()
        _call(name, self._handle, byref(count))
        return count.value


def load_checkpoint(path, plan, optimizer=None):
    """Loads a checkpoint, without an optimizer the model alone; returns the position."""
    position = c_int64()
    _call("sequor_checkpoint_load", _text(path), plan.handle, optimizer.handle if optimizer else 0, byref(position))
    return position.value


class Step(_Object):
    """A training step of a loss and an optimizer: forward, loss, backward and update, one CUDA graph on a GPU."""

    _free = "sequor_step_free"

    def __init__(self, loss, optimizer):
        super().__init__()
        self._make("sequor_step_create", loss.handle, optimizer.handle)
        self._parts = (loss, optimizer)

    def run(self):
        """Runs it on the input and the targets that were loaded."""
        _call("sequor_step_run", self._handle)

    @property
    def runs(self):
        """How many runs were replayed from a graph, and how many were not."""
        replayed, plain = c_int64(), c_int64()
        _call("sequor_step_runs", self._handle, byref(replayed), byref(plain))
        return replayed.value, plain.value


class Tensor(_Object):
    """float32 values in a backend's memory, one to three dimensions: shared with others by DLPack, nothing is copied."""

    _free = "sequor_tensor_free"

    def __init__(self, backend, shape):
        super().__init__()
        self._make("sequor_tensor_create", backend.handle, len(shape), (c_int32 * len(shape))(*shape))
        self._rests_on = backend

    @classmethod
    def _of(cls, function, rests_on, *arguments):
        tensor = cls.__new__(cls)
        _Object.__init__(tensor)
        tensor._rests_on = rests_on
        return tensor._make(function, *arguments)

    @classmethod
    def wrap(cls, backend, address, shape):
        """Memory of the caller's, by its address; it is never freed and must outlive the tensor."""
        sizes = (c_int32 * len(shape))(*shape)
        return cls._of("sequor_tensor_wrap", backend, backend.handle, address, len(shape), sizes)

    @classmethod
    def from_dlpack(cls, backend, producer, write=False):
        """The memory of whatever has __dlpack__, in place, until the tensor is closed."""
        device, stream = backend._dlpack_stream()
        order = {} if device == _CPU else {"stream": stream}
        try:
            capsule = producer.__dlpack__(max_version=(1, 1), **order)
        except TypeError:
            # Older than DLPack 1.0.
            capsule = producer.__dlpack__(**order)
        versioned = bool(_is_capsule(capsule, b"dltensor_versioned"))
        if not versioned and not _is_capsule(capsule, b"dltensor"):
            raise Error("ARGUMENT", f"{type(producer).__name__}.__dlpack__ gave no capsule that was not used already")
        managed = _capsule_pointer(capsule, b"dltensor_versioned" if versioned else b"dltensor")
        # Whether or not it is taken, its deleter is called once from now on.
        _rename_capsule(capsule, _USED_VERSIONED if versioned else _USED)
        return cls._of("sequor_tensor_from_dlpack", (backend, producer), backend.handle, managed, int(versioned),
                       int(write), None)

    @property
    def shape(self):
        """The sizes, outermost first."""
        rank, sizes = c_int32(), (c_int32 * 3)()
        _call("sequor_tensor_shape", self._handle, byref(rank), sizes)
        return tuple(sizes[: rank.value])

    @property
    def address(self):
        """The address of the first value."""
        address = c_void_p()
        _call("sequor_tensor_address", self._handle, byref(address))
        return address.value

    def read(self):
        """A copy of the values: a numpy array where numpy is there, else nested lists."""
        shape = self.shape
        count = 1
        for size in shape:
            count *= size
        values = array.array("f", bytes(4 * count))
        _call("sequor_tensor_read", self._handle, values.buffer_info()[0] if count else None, count)
        try:
            import numpy
        except ImportError:
            return _nested(values.tolist(), shape)
        return numpy.frombuffer(values, dtype=numpy.float32).reshape(shape).copy()

    def write(self, values):
        """Copies values in."""
        address, count, _, kept = _take(values)
        _call("sequor_tensor_write", self._handle, address, count)
        del kept

    def copy_to(self, other):
        """Queues a copy to another tensor of the backend."""
        _call("sequor_tensor_copy", self._handle, other.handle)

    def __dlpack_device__(self):
        device, number = c_int32(), c_int32()
        _call("sequor_tensor_device", self._handle, byref(device), byref(number))
        return device.value, number.value

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        if copy:
            raise BufferError("a tensor of Sequor is given in place and not copied; read() copies")
        if dl_device is not None and tuple(dl_device) != self.__dlpack_device__():
            raise BufferError(f"the tensor is on device {self.__dlpack_device__()} and not on {tuple(dl_device)}")
        versioned = max_version is not None and tuple(max_version) >= (1, 0)
        managed = c_void_p()
        wait = None if stream is None else byref(c_int64(stream))
        _call("sequor_tensor_to_dlpack", self._handle, int(versioned), wait, byref(managed))
        return _new_capsule(managed.value, _VERSIONED if versioned else _PLAIN, _unused)


def _lengths(lengths):
    if lengths is None:
        return None, 0
    steps = list(lengths)
    return (c_int32 * len(steps))(*steps), len(steps)


def _names(modules, ignore):
    given = {key: value for key, value in (("modules", modules), ("ignore", ignore)) if value is not None}
    return json.dumps(given).encode() if given else None


def _take(values, rank=None, what="an input is [T, B, C]"):
    """The address, the count and the shape of values of the host, and what keeps them there."""
    if isinstance(values, Tensor):
        raise Error("ARGUMENT", "a Tensor was given where values of the host are taken; read() copies them out")
    interface = getattr(values, "__array_interface__", None)
    if interface is not None:
        if interface["typestr"] not in ("<f4", "=f4"):
            raise Error("ARGUMENT", f"values are float32, not {interface['typestr']}: use .astype('float32')")
        if interface.get("strides") is not None:
            raise Error("ARGUMENT", "values must lie row by row without gaps: use numpy.ascontiguousarray")
        shape, address, kept = tuple(interface["shape"]), interface["data"][0], values
    else:
        try:
            view = memoryview(values)
        except TypeError:
            view = None
        if view is not None:
            if view.format != "f" or not view.c_contiguous:
                raise Error("ARGUMENT", f"values are float32 without gaps, not of format {view.format!r}")
            shape = tuple(view.shape)
            kept = array.array("f", view.tobytes())
        else:
            flat, shape = _flat(values)
            kept = array.array("f", flat)
        address = kept.buffer_info()[0]
    if rank is not None and len(shape) != rank:
        raise Error("ARGUMENT", f"{what}, and these values have the shape {list(shape)}")
    count = 1
    for size in shape:
        count *= size
    return address if count else None, count, shape, kept


def _flat(values):
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, (int, float)):
        return [float(values)], ()
    flat, inner = [], None
    for value in values:
        more, shape = _flat(value)
        if inner is not None and shape != inner:
            raise Error("ARGUMENT", f"lists of different lengths: {list(inner)} and {list(shape)}")
        inner = shape
        flat.extend(more)
    return flat, (len(values), *(inner or ()))


def _nested(flat, shape):
    if len(shape) <= 1:
        return flat
    step = len(flat) // shape[0] if shape[0] else 0
    return [_nested(flat[i * step:(i + 1) * step], shape[1:]) for i in range(shape[0])]


# Capsules, as Python's DLPack protocol passes structs. Their names must stay where they are.
_PLAIN, _VERSIONED = ctypes.create_string_buffer(b"dltensor"), ctypes.create_string_buffer(b"dltensor_versioned")
_USED = ctypes.create_string_buffer(b"used_dltensor")
_USED_VERSIONED = ctypes.create_string_buffer(b"used_dltensor_versioned")
_DESTRUCTOR = ctypes.PYFUNCTYPE(None, c_void_p)


def _python(name, result, *arguments):
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_is_capsule = _python("PyCapsule_IsValid", ctypes.c_int, ctypes.py_object, c_char_p)
_capsule_pointer = _python("PyCapsule_GetPointer", c_void_p, ctypes.py_object, c_char_p)
_rename_capsule = _python("PyCapsule_SetName", ctypes.c_int, ctypes.py_object, c_void_p)
_new_capsule = _python("PyCapsule_New", ctypes.py_object, c_void_p, c_void_p, _DESTRUCTOR)
_is_raw_capsule = _python("PyCapsule_IsValid", ctypes.c_int, c_void_p, c_char_p)
_raw_pointer = _python("PyCapsule_GetPointer", c_void_p, c_void_p, c_char_p)


@_DESTRUCTOR
def _unused(capsule):
    # A capsule that nobody took. It is being destroyed, so it is seen by its address.
    for versioned, name in ((0, b"dltensor"), (1, b"dltensor_versioned")):
        if _is_raw_capsule(capsule, name):
            _library.sequor_dlpack_delete(_raw_pointer(capsule, name), versioned)
