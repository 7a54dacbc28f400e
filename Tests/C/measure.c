/*
 * What the C ABI costs: nanoseconds of a call, milliseconds from the start to the first result, and the processor's milliseconds of LSTM
 * steps at T=600, B=32 with 70,000 parameters. Arguments: threads, steps of warm-up, steps, width of vectors in bits.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sequor.h"

enum { LENGTH = 600, BATCH = 32 };

static float x[LENGTH * BATCH * 2];
static float y[BATCH];

static void check(sequor_status status)
{
    if (status != SEQUOR_OK) {
        fprintf(stderr, "%s: %s\n", sequor_status_name((int32_t)status), sequor_last_error());
        exit(1);
    }
}

static double now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

int main(int count, char **arguments)
{
    double begin = now(CLOCK_MONOTONIC);
    int threads = count > 1 ? atoi(arguments[1]) : 1;
    int warmup = count > 2 ? atoi(arguments[2]) : 3;
    int steps = count > 3 ? atoi(arguments[3]) : 10;
    sequor_cpu_options cpu;
    memset(&cpu, 0, sizeof cpu);
    cpu.struct_size = sizeof cpu;
    cpu.threads = threads;
    cpu.vector_bits = count > 4 ? atoi(arguments[4]) : 0;
    sequor_backend backend;
    check(sequor_backend_cpu(&cpu, &backend));
    sequor_model model;
    check(sequor_model_create("{\"layers\":[{\"type\":\"lstm\",\"input\":2,\"hidden\":130},{\"type\":\"last\"},"
                              "{\"type\":\"linear\",\"outputs\":1}]}",
                              &model));
    check(sequor_model_initialize(model, backend, 1));
    double first = now(CLOCK_MONOTONIC) - begin;

    enum { CALLS = 1000000 };
    int32_t input;
    double before = now(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < CALLS; i++)
        check(sequor_model_channels(model, &input, NULL));
    double call = (now(CLOCK_PROCESS_CPUTIME_ID) - before) * 1e6 / CALLS;

    sequor_plan_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.max_length = LENGTH;
    options.max_batch = BATCH;
    sequor_plan plan;
    sequor_loss loss;
    sequor_optimizer adam;
    sequor_step step;
    check(sequor_plan_create(model, backend, &options, &plan));
    check(sequor_loss_create(plan, "{\"type\":\"mse\"}", &loss));
    check(sequor_optimizer_create(plan, "{\"type\":\"adam\",\"learning_rate\":1e-3}", &adam));
    check(sequor_step_create(loss, adam, &step));
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = (float)(i % 17) / 17;
    check(sequor_plan_set_input(plan, x, sizeof x / sizeof *x, LENGTH, BATCH, NULL, 0));
    check(sequor_loss_set_targets(loss, y, BATCH, NULL, 0));
    for (int i = 0; i < warmup; i++)
        check(sequor_step_run(step));
    before = now(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < steps; i++)
        check(sequor_step_run(step));
    double each = (now(CLOCK_PROCESS_CPUTIME_ID) - before) / steps;
    printf("%.1f %.2f %.3f\n", call, first, each);

    check(sequor_step_free(step));
    check(sequor_optimizer_free(adam));
    check(sequor_loss_free(loss));
    check(sequor_plan_free(plan));
    check(sequor_model_free(model));
    check(sequor_backend_free(backend));
    return 0;
}
