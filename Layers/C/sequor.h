/*
 * sequor.h: sequence layers (tanh RNN, LSTM, GRU, TCN, LRU) with explicit backward passes, on a CPU or an NVIDIA GPU.
 *
 * The C ABI of libsequor, for C99, C++ and whatever calls C. How to build with it, the descriptions of models, lifetimes, threads
 * and fork are told in docs/c.md. In short:
 *
 *   - Call sequor_cpu_supported() before anything else: the library is compiled for x86-64-v3.
 *   - Each function returns a sequor_status. What was wrong stands in sequor_last_error(), a text of the calling thread's own that
 *     stays until its next call. What a function gives back through pointers holds only with SEQUOR_OK; a handle is 0 otherwise.
 *   - Handles are numbers, not addresses. One that was freed, is of another kind, or is none of this library's is refused. Freeing 0
 *     does nothing. Objects can be freed in any order; those that rest on a freed one answer SEQUOR_ERROR_CLOSED, and still have to
 *     be freed.
 *   - A backend, and all that was made on it, is for one thread at a time. A second one gets SEQUOR_ERROR_THREAD, and nothing changes.
 *   - Values are float. Activations are [T, B, C]: time, batch, channels, row by row. Counts are counts of values, not of bytes.
 *   - Texts are UTF-8 with a zero behind them. A text is given to a buffer of capacity bytes; size gets the bytes that it takes, the
 *     zero with it. With a null buffer of capacity 0 only the size is told.
 *   - struct_size must be sizeof the struct. Zero is every field's default; a smaller, older struct lacks only such fields, and what a
 *     larger, newer one has more must be 0.
 */
#ifndef SEQUOR_H
#define SEQUOR_H

#include <stddef.h>
#include <stdint.h>

#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
#include <cpuid.h>
#elif defined(_MSC_VER) && (defined(_M_X64) || defined(_M_IX86))
#include <intrin.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Major version in the upper 16 bits, minor in the lower: functions and fields are added with a minor version. */
#define SEQUOR_ABI_VERSION 0x00010002u

typedef enum sequor_status {
    SEQUOR_OK = 0,
    SEQUOR_ERROR_ARGUMENT = 1,    /* An argument is null, out of range, or does not fit the others. */
    SEQUOR_ERROR_HANDLE = 2,      /* A handle was freed, is none of this library's, or is of another kind. */
    SEQUOR_ERROR_DESCRIPTION = 3, /* A description is no JSON, or says something that there is not; the text has its JSON path. */
    SEQUOR_ERROR_STATE = 4,       /* The call does not fit what was done before. */
    SEQUOR_ERROR_THREAD = 5,      /* Another thread is in a call on the same backend or model; nothing was changed. */
    SEQUOR_ERROR_CLOSED = 6,      /* What the object rests on was freed already. */
    SEQUOR_ERROR_DEVICE = 7,      /* The device, or a library of it, is not there or cannot be used. */
    SEQUOR_ERROR_MEMORY = 8,      /* There is not enough memory; nothing stays taken. */
    SEQUOR_ERROR_FILE = 9,        /* A file cannot be read or written, is damaged, or does not fit. */
    SEQUOR_ERROR_UNSUPPORTED = 10, /* A layer or a backend cannot do it. */
    SEQUOR_ERROR_BUFFER = 11,     /* A buffer is too small; size tells what it needs. */
    SEQUOR_ERROR_VERSION = 12,    /* A struct_size is none, or a struct uses what this library does not know. */
    SEQUOR_ERROR_FORKED = 13,     /* The process was forked after the library had begun. */
    SEQUOR_ERROR_CUDA = 14,       /* CUDA, cuDNN or cuBLAS refused a call. */
    SEQUOR_ERROR_DIVERGED = 15,   /* Values that must be finite are not. */
    SEQUOR_ERROR_INTERNAL = 16    /* A fault of the library itself. */
} sequor_status;

typedef uint64_t sequor_backend;
typedef uint64_t sequor_model;
typedef uint64_t sequor_plan;
typedef uint64_t sequor_loss;
typedef uint64_t sequor_optimizer;
typedef uint64_t sequor_step;
typedef uint64_t sequor_tensor;
typedef uint64_t sequor_stream_state;

typedef struct sequor_cpu_options {
    uint32_t struct_size;
    int32_t threads;     /* Threads that compute, at most 1024; 0: one for each core. */
    int32_t vector_bits; /* 256 or 128; 0: the widest. 512 only of a library built for AVX-512. */
    int32_t no_nvtx;     /* 1: NVIDIA's profilers are told nothing. */
} sequor_cpu_options;

typedef struct sequor_cuda_options {
    uint32_t struct_size;
    int32_t math;       /* 0: single precision; 1: TF32 on tensor cores. */
    int32_t self_check; /* When the GPU is checked against the CPU. 0: when it is new here; 1: always; 2: never. */
    int32_t no_graphs;  /* 1: steps are not captured as CUDA graphs. */
    int32_t no_nvtx;    /* 1: NVIDIA's profilers are told nothing. */
    int32_t reserved;   /* 0. */
    const char *autotune; /* "off", "on" or a file's name; null: what SEQUOR_AUTOTUNE says, else "on". */
} sequor_cuda_options;

typedef struct sequor_plan_options {
    uint32_t struct_size;
    int32_t mode;             /* SEQUOR_TRAINING, SEQUOR_EVALUATION or SEQUOR_STREAMING. */
    int32_t max_length;       /* The largest T, at least 1. */
    int32_t max_batch;        /* The largest B, at least 1. */
    int32_t variable_lengths; /* 1: sequences of a batch may differ in length. */
    int32_t input_gradient;   /* 1: a backward pass also computes the gradient of the input. */
    uint64_t seed;            /* Of dropout and, where the model has no values yet, of its parameters; 0: 1. */
    int32_t states;           /* 1: recurrent layers have initial and final states (sequor_plan_state); not of SEQUOR_STREAMING. */
    int32_t carry;            /* 1: each pass begins with the states that the one before it ended with, of all layers; not with states. */
    int32_t gradient_in_output; /* 1: a loss may write the output's gradient over the output, which saves its memory. */
    int32_t reserved;         /* 0. */
} sequor_plan_options;

#define SEQUOR_TRAINING 0
#define SEQUOR_EVALUATION 1
#define SEQUOR_STREAMING 2

/* ---- The library ---- */

/*
 * Whether this processor has what libsequor was compiled for, on x86 that is x86-64-v3: AVX2, FMA, BMI1, BMI2, F16C, LZCNT and MOVBE, and
 * an operating system that keeps their registers. 1 or 0; 1 on other architectures. It is compiled into the caller, as the library
 * itself could not even say so.
 */
static inline int sequor_cpu_supported(void)
{
#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
    unsigned a, b, c, d, low, high;
    const unsigned of1 = (1u << 12) | (1u << 22) | (1u << 27) | (1u << 28) | (1u << 29); /* FMA MOVBE OSXSAVE AVX F16C */
    const unsigned of7 = (1u << 3) | (1u << 5) | (1u << 8);                              /* BMI1 AVX2 BMI2 */
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & of1) != of1)
        return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 6u) != 6u)
        return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & of7) != of7)
        return 0;
    return __get_cpuid(0x80000001u, &a, &b, &c, &d) && (c & (1u << 5)) != 0; /* LZCNT */
#elif defined(_MSC_VER) && (defined(_M_X64) || defined(_M_IX86))
    int r[4];
    const int of1 = (1 << 12) | (1 << 22) | (1 << 27) | (1 << 28) | (1 << 29);
    const int of7 = (1 << 3) | (1 << 5) | (1 << 8);
    __cpuid(r, 0);
    if (r[0] < 7)
        return 0;
    __cpuid(r, 1);
    if ((r[2] & of1) != of1 || (_xgetbv(0) & 6) != 6)
        return 0;
    __cpuidex(r, 7, 0);
    if ((r[1] & of7) != of7)
        return 0;
    __cpuid(r, (int)0x80000001u);
    return (r[2] & (1 << 5)) != 0;
#else
    return 1;
#endif
}

/* The ABI of the library that was loaded; its upper 16 bits must be those of SEQUOR_ABI_VERSION, its lower ones at least as high. */
uint32_t sequor_abi_version(void);

/* The library's version, as 0.1.0. */
const char *sequor_version(void);

/* What was wrong with this thread's last call; empty after SEQUOR_OK, never null. It stays until the thread's next call. */
const char *sequor_last_error(void);

/* The name of a status, as SEQUOR_ERROR_HANDLE; SEQUOR_ERROR_INTERNAL for a number that is none. */
const char *sequor_status_name(int32_t status);

/* How many handles of this process were not freed yet. */
int64_t sequor_live_handles(void);

/* ---- Backends ---- */

/* The CPU. options may be null. */
sequor_status sequor_backend_cpu(const sequor_cpu_options *options, sequor_backend *backend);

/* A GPU by its number among those that CUDA sees, on its primary context, with a stream of its own. options may be null. */
sequor_status sequor_backend_cuda(int32_t device, const sequor_cuda_options *options, sequor_backend *backend);

/* The first GPU if it passes its self-check, else the CPU; sequor_backend_info tells which, and why. Options may be null. */
sequor_status sequor_backend_auto(const sequor_cpu_options *cpu, const sequor_cuda_options *cuda, sequor_backend *backend);

/* A GPU on the caller's CUcontext and CUstream (or cudaStream_t; null is the legacy default stream), which are never destroyed. */
sequor_status sequor_backend_attach(void *context, void *stream, const sequor_cuda_options *options, sequor_backend *backend);

/* What the backend runs on, as JSON: device, description, threads, vector_bits, instructions, reason, warning, gpu. */
sequor_status sequor_backend_info(sequor_backend backend, char *buffer, size_t capacity, size_t *size);

/* The bytes that are allocated on the backend, now and at most so far; either may be null. */
sequor_status sequor_backend_memory(sequor_backend backend, int64_t *current, int64_t *peak);

/* Waits for all work that was queued. */
sequor_status sequor_backend_synchronize(sequor_backend backend);

sequor_status sequor_backend_free(sequor_backend backend);

/* ---- Models ---- */

/* A model of its description in JSON, as {"layers": [{"type": "lstm", "input": 28, "hidden": 64}, {"type": "last"}]}. */
sequor_status sequor_model_create(const char *description, sequor_model *model);

/* The channels of its input and of its output; either may be null. */
sequor_status sequor_model_channels(sequor_model model, int32_t *input, int32_t *output);

/* How many numbers are trained. */
sequor_status sequor_model_parameter_count(sequor_model model, int64_t *count);

/* How many named values there are: parameters first, then buffers such as running means. */
sequor_status sequor_model_value_count(sequor_model model, int32_t *count);

/*
 * A value by its number: its name (PyTorch's names, behind the layer's number: 0.weight_ih_l0), its sizes (three, those that there are not
 * are 1), and whether it is a parameter (1) or a buffer (0). rank and trained may be null.
 */
sequor_status sequor_model_value(sequor_model model, int32_t index, char *buffer, size_t capacity, size_t *size, int32_t *rank,
                                 int32_t *sizes, int32_t *trained);

/* Puts the values on a backend, drawn from a seed. A plan does so by itself where the model has no values yet. */
sequor_status sequor_model_initialize(sequor_model model, sequor_backend backend, uint64_t seed);

/* Copies a value out or in, by its name; count must be the number of its elements. */
sequor_status sequor_model_read(sequor_model model, const char *name, float *values, int64_t count);
sequor_status sequor_model_write(sequor_model model, const char *name, const float *values, int64_t count);

/* A value in place. */
sequor_status sequor_model_tensor(sequor_model model, const char *name, sequor_tensor *tensor);

/* Safetensors, with a checksum. A model that is on no backend yet is loaded on the one that is given; else that may be 0. */
sequor_status sequor_model_save(sequor_model model, const char *path);
sequor_status sequor_model_load(sequor_model model, const char *path, sequor_backend backend);

/*
 * Weights to and from PyTorch: safetensors of a module's state_dict, of load a file or the index of several. names is null, or JSON as
 * {"modules": {"0": "rnn"}}, the names of PyTorch's modules by those of layers where they differ; of load also {"ignore": ["head"]}:
 * modules or tensors of the file that are not loaded. All is checked before any value is changed.
 */
sequor_status sequor_model_save_torch(sequor_model model, const char *path, const char *names);
sequor_status sequor_model_load_torch(sequor_model model, const char *path, sequor_backend backend, const char *names);

sequor_status sequor_model_free(sequor_model model);

/* ---- Plans ---- */

/* All that running the model takes, allocated once for the largest length and batch. options must be there. */
sequor_status sequor_plan_create(sequor_model model, sequor_backend backend, const sequor_plan_options *options, sequor_plan *plan);

/*
 * Loads an input [T, B, C] of the host without running the model; before sequor_step_run. lengths are the steps of each sequence, B of them
 * (a plan with variable_lengths), or null with lengths_count 0 where all have T.
 */
sequor_status sequor_plan_set_input(sequor_plan plan, const float *x, int64_t count, int32_t length, int32_t batch,
                                    const int32_t *lengths, int64_t lengths_count);

/* The plan's own place of an input [T, B, C], to be written on the device before sequor_plan_forward_tensor. */
sequor_status sequor_plan_input(sequor_plan plan, int32_t length, int32_t batch, sequor_tensor *tensor);

/* Runs the model on values of the host. */
sequor_status sequor_plan_forward(sequor_plan plan, const float *x, int64_t count, int32_t length, int32_t batch,
                                  const int32_t *lengths, int64_t lengths_count);

/* Runs the model on a tensor [T, B, C] of the plan's backend, which must stay as it is until the backward pass has run. */
sequor_status sequor_plan_forward_tensor(sequor_plan plan, sequor_tensor x, const int32_t *lengths, int64_t lengths_count);

/*
 * Runs the model on packed rows, as PyTorch's PackedSequence and cuDNN have them: step after step, each with the rows of the sequences that
 * reach it, longest first. The rows are [N, C], as a tensor also [N, 1, C]; lengths go down, and their sum is N (a plan with
 * variable_lengths). A tensor is of the plan's backend and must stay as it is until the backward pass has run. The output is packed alike,
 * [N, 1, C], or [1, B, C] where the model pools over time; so are the gradients of a backward pass.
 */
sequor_status sequor_plan_forward_packed(sequor_plan plan, const float *rows, int64_t count, const int32_t *lengths, int64_t lengths_count);
sequor_status sequor_plan_forward_packed_tensor(sequor_plan plan, sequor_tensor rows, const int32_t *lengths, int64_t lengths_count);

/*
 * The output of the last forward pass, [T, B, C], T = 1 where the model pools over time: its sizes (three), its values, or in place. With
 * gradient_in_output there may be none between a loss and the next forward pass.
 */
sequor_status sequor_plan_output_shape(sequor_plan plan, int32_t *rank, int32_t *sizes);
sequor_status sequor_plan_read_output(sequor_plan plan, float *values, int64_t count);
sequor_status sequor_plan_output(sequor_plan plan, sequor_tensor *tensor);

/*
 * Computes the parameters' gradients from that of the output, of the host or a tensor, which may be written over; accumulate 1 adds to the
 * gradients that there are. Each needs a forward pass of its own.
 */
sequor_status sequor_plan_backward(sequor_plan plan, const float *gradient, int64_t count, int32_t accumulate);
sequor_status sequor_plan_backward_tensor(sequor_plan plan, sequor_tensor gradient, int32_t accumulate);

/* The gradient of the input (a plan with input_gradient), and that of a parameter by its name, in place. */
sequor_status sequor_plan_input_gradient(sequor_plan plan, sequor_tensor *tensor);
sequor_status sequor_plan_gradient(sequor_plan plan, const char *name, sequor_tensor *tensor);

/* Begins a stream anew (a plan of SEQUOR_STREAMING or with carry), or sets all initial states to zero (a plan with states). */
sequor_status sequor_plan_reset(sequor_plan plan);

#define SEQUOR_INITIAL_HIDDEN 0
#define SEQUOR_INITIAL_CELL 1
#define SEQUOR_FINAL_HIDDEN 2
#define SEQUOR_FINAL_CELL 3
#define SEQUOR_FINAL_HIDDEN_GRADIENT 4
#define SEQUOR_FINAL_CELL_GRADIENT 5
#define SEQUOR_INITIAL_HIDDEN_GRADIENT 6
#define SEQUOR_INITIAL_CELL_GRADIENT 7

/*
 * The states of a recurrent layer, rnn, lstm or gru, in place: [layers and directions, B, hidden], of a plan with states. layer is its
 * name, as in those of its values before the last dot ("" where it is the whole model). Initial ones are written before a forward pass of
 * as many sequences as batch says, final ones are what it leaves. The gradient of final ones is written before a backward pass, which
 * leaves that of initial ones; batch is 0 but for initial states.
 */
sequor_status sequor_plan_state(sequor_plan plan, const char *layer, int32_t which, int32_t batch, sequor_tensor *tensor);

/* Has the next forward pass begin with the final states of the last one. No gradient flows between the two. */
sequor_status sequor_plan_carry_over(sequor_plan plan);

/*
 * A copy of all that a stream, or a plan with carry, carries from call to call; set, it goes on from there, also with a plan made alike for
 * the same model.
 */
sequor_status sequor_plan_stream_state(sequor_plan plan, sequor_stream_state *state);
sequor_status sequor_plan_set_stream_state(sequor_plan plan, sequor_stream_state state);
sequor_status sequor_stream_state_free(sequor_stream_state state);

sequor_status sequor_plan_free(sequor_plan plan);

/* ---- Losses ---- */

/* {"type": "mse"}, {"type": "softmax_cross_entropy", "ignore_index": -100} or {"type": "binary_cross_entropy"}. */
sequor_status sequor_loss_create(sequor_plan plan, const char *description, sequor_loss *loss);

/*
 * Targets for the input that was loaded or run last: one for each value of the output, of softmax_cross_entropy a class for each row; and a
 * weight for each row, or null with weights_count 0.
 */
sequor_status sequor_loss_set_targets(sequor_loss loss, const float *targets, int64_t count, const float *weights,
                                      int64_t weights_count);

/* Compares the plan's output with the targets; backward then also runs the plan's backward pass. */
sequor_status sequor_loss_compute(sequor_loss loss);
sequor_status sequor_loss_backward(sequor_loss loss, int32_t accumulate);

/* The last loss, after waiting for the device. */
sequor_status sequor_loss_value(sequor_loss loss, float *value);

/* The gradient of the output, in place, until the plan runs again. */
sequor_status sequor_loss_gradient(sequor_loss loss, sequor_tensor *tensor);

sequor_status sequor_loss_free(sequor_loss loss);

/* ---- Optimizers ---- */

/* As {"type": "adam", "learning_rate": 1e-3, "clip": 1}; sgd, nesterov, rmsprop, adam, adamw. */
sequor_status sequor_optimizer_create(sequor_plan plan, const char *description, sequor_optimizer *optimizer);

/* Changes the parameters by the gradients. clip is the largest norm of all gradients from now on; 0 leaves it as it was set. */
sequor_status sequor_optimizer_step(sequor_optimizer optimizer, float clip);

sequor_status sequor_optimizer_learning_rate(sequor_optimizer optimizer, float *rate);
sequor_status sequor_optimizer_set_learning_rate(sequor_optimizer optimizer, float rate);

/* Updates so far; those that were skipped because gradients were not finite; the norm of all gradients at the last. These wait. */
sequor_status sequor_optimizer_step_count(sequor_optimizer optimizer, int64_t *count);
sequor_status sequor_optimizer_skipped_steps(sequor_optimizer optimizer, int64_t *count);
sequor_status sequor_optimizer_gradient_norm(sequor_optimizer optimizer, float *norm);

sequor_status sequor_optimizer_free(sequor_optimizer optimizer);

/* ---- Steps and checkpoints ---- */

/*
 * A training step of a loss and an optimizer of one plan: forward, loss, backward and update of the input and the targets that were loaded.
 * On a GPU the third run is captured as a CUDA graph, which later runs replay.
 */
sequor_status sequor_step_create(sequor_loss loss, sequor_optimizer optimizer, sequor_step *step);
sequor_status sequor_step_run(sequor_step step);

/* How many runs were replayed from a graph, and how many were not; either may be null. */
sequor_status sequor_step_runs(sequor_step step, int64_t *replayed, int64_t *plain);

sequor_status sequor_step_free(sequor_step step);

/*
 * Model, optimizer, random numbers and a position of the caller's choice (the next batch's number) in one file; keep older files stay as
 * FILE.1 and so on. What goes on from it has the same bits as what never stopped. Loaded without an optimizer (0) it is the model alone.
 */
sequor_status sequor_checkpoint_save(const char *path, sequor_plan plan, sequor_optimizer optimizer, int64_t position, int32_t keep);
sequor_status sequor_checkpoint_load(const char *path, sequor_plan plan, sequor_optimizer optimizer, int64_t *position);

/* ---- Tensors ---- */

/* Memory of the backend's, zeros, which goes with the handle. sizes has rank (1 to 3) sizes, the outermost first. */
sequor_status sequor_tensor_create(sequor_backend backend, int32_t rank, const int32_t *sizes, sequor_tensor *tensor);

/* Memory of the caller's, of the host for a CPU and of the device for a GPU, which must outlive all use. It is never freed. */
sequor_status sequor_tensor_wrap(sequor_backend backend, void *address, int32_t rank, const int32_t *sizes, sequor_tensor *tensor);

/* Three sizes, those that there are not are 1; rank may be null. */
sequor_status sequor_tensor_shape(sequor_tensor tensor, int32_t *rank, int32_t *sizes);

/* The address of the first value; on a GPU the backend's stream must first have finished what writes it. */
sequor_status sequor_tensor_address(sequor_tensor tensor, void **address);

/* Copies all values out or in, after waiting for earlier work. */
sequor_status sequor_tensor_read(sequor_tensor tensor, float *values, int64_t count);
sequor_status sequor_tensor_write(sequor_tensor tensor, const float *values, int64_t count);

/* Queues a copy to another tensor of the same backend, of as many values. */
sequor_status sequor_tensor_copy(sequor_tensor source, sequor_tensor destination);

sequor_status sequor_tensor_free(sequor_tensor tensor);

/* ---- DLPack (dlpack.h) ---- */

/* The DLDeviceType of the backend's memory (1: host, 2: CUDA), which may be null, and what a producer's __dlpack__ is given for a stream. */
sequor_status sequor_backend_dlpack_stream(sequor_backend backend, int32_t *device_type, int64_t *stream);

/* The DLDevice of a tensor; either may be null. */
sequor_status sequor_tensor_device(sequor_tensor tensor, int32_t *type, int32_t *id);

/*
 * Takes a DLManagedTensor (versioned 0) or DLManagedTensorVersioned (1) and uses its memory in place: float32, row-major, of one to three
 * dimensions. managed is taken over whatever the answer is; its deleter is called once, when the handle is freed or at once where it is
 * refused. write 1 asks for memory that may be written. stream is null where the producer was given that of sequor_backend_dlpack_stream;
 * else on a GPU *stream is the producer's (1: legacy default, 2: per-thread default, -1: nothing to wait for), and work here waits for it.
 */
sequor_status sequor_tensor_from_dlpack(sequor_backend backend, void *managed, int32_t versioned, int32_t write, const int64_t *stream,
                                        sequor_tensor *tensor);

/*
 * Makes a struct that a consumer takes over; the memory stays until its deleter is called, whatever is freed here. On a GPU the stream *stream
 * is made to wait for the work queued here; null: the legacy default stream. Of a wrapped pointer there is none.
 */
sequor_status sequor_tensor_to_dlpack(sequor_tensor tensor, int32_t versioned, const int64_t *stream, void **managed);

/* Calls the deleter of a struct that no consumer took. */
sequor_status sequor_dlpack_delete(void *managed, int32_t versioned);

#ifdef __cplusplus
}
#endif

#endif
