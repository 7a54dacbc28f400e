/*
 * The adding problem from C: an LSTM reads sequences of numbers, two of which are marked, and learns to tell the sum of the two.
 *
 *     cc -std=c99 -O2 10-from-c.c -I FOLDER -L FOLDER -lsequor -Wl,-rpath,FOLDER -o adding && ./adding
 *
 * FOLDER has libsequor.so and sequor.h (docs/c.md). An argument is the number of steps; the exit code is 0 where the loss fell.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sequor.h"

enum { LENGTH = 30, BATCH = 32 };

static float x[LENGTH * BATCH * 2]; /* [T, B, 2]: a number, and whether it is marked. */
static float y[BATCH];              /* [1, B, 1]: the sum of the two marked ones. */

/* Every function says how it went; this program ends where one did not do what it was asked. */
static void check(sequor_status status)
{
    if (status == SEQUOR_OK)
        return;
    fprintf(stderr, "%s: %s\n", sequor_status_name((int32_t)status), sequor_last_error());
    exit(1);
}

static unsigned draw(unsigned below)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((state >> 33) % below);
}

static void fill(void)
{
    for (int b = 0; b < BATCH; b++) {
        unsigned first = draw(LENGTH / 2), second = LENGTH / 2 + draw(LENGTH / 2);
        y[b] = 0;
        for (unsigned t = 0; t < LENGTH; t++) {
            float *at = x + (t * BATCH + (unsigned)b) * 2;
            at[0] = (float)draw(1 << 20) / (1 << 20);
            at[1] = t == first || t == second ? 1.0f : 0.0f;
            if (at[1] > 0)
                y[b] += at[0];
        }
    }
}

int main(int count, char **arguments)
{
    long steps = count > 1 ? strtol(arguments[1], NULL, 10) : 600;

    if (!sequor_cpu_supported()) {
        fprintf(stderr, "this processor lacks AVX2 or what comes with it, for which libsequor was compiled\n");
        return 1;
    }
    if (sequor_abi_version() >> 16 != SEQUOR_ABI_VERSION >> 16) {
        fprintf(stderr, "libsequor has another ABI than sequor.h\n");
        return 1;
    }

    sequor_backend backend;
    char info[2048];
    check(sequor_backend_auto(NULL, NULL, &backend));
    check(sequor_backend_info(backend, info, sizeof info, NULL));
    printf("libsequor %s on %s\n", sequor_version(), info);

    sequor_model model;
    int64_t parameters;
    check(sequor_model_create("{\"layers\": ["
                              "  {\"type\": \"lstm\", \"input\": 2, \"hidden\": 32},"
                              "  {\"type\": \"last\"},"
                              "  {\"type\": \"linear\", \"outputs\": 1}]}",
                              &model));
    check(sequor_model_parameter_count(model, &parameters));

    sequor_plan_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.mode = SEQUOR_TRAINING;
    options.max_length = LENGTH;
    options.max_batch = BATCH;
    sequor_plan plan;
    sequor_loss loss;
    sequor_optimizer adam;
    sequor_step step;
    check(sequor_plan_create(model, backend, &options, &plan));
    check(sequor_loss_create(plan, "{\"type\": \"mse\"}", &loss));
    check(sequor_optimizer_create(plan, "{\"type\": \"adam\", \"learning_rate\": 0.01, \"clip\": 1}", &adam));
    check(sequor_step_create(loss, adam, &step));

    float value = 0, first = 0, sum = 0;
    for (long i = 1; i <= steps; i++) {
        fill();
        check(sequor_plan_set_input(plan, x, sizeof x / sizeof *x, LENGTH, BATCH, NULL, 0));
        check(sequor_loss_set_targets(loss, y, BATCH, NULL, 0));
        check(sequor_step_run(step));
        check(sequor_loss_value(loss, &value));
        sum += value;
        if (i % 100 == 0) {
            printf("step %4ld: loss %.4f\n", i, sum / 100);
            if (first == 0)
                first = sum / 100;
            value = sum / 100;
            sum = 0;
        }
    }

    /* What is wrong is told, and nothing else happens. */
    sequor_model none;
    sequor_status refused = sequor_model_create("{\"type\": \"lstm\", \"input\": 2, \"hiden\": 32}", &none);
    printf("%s: %s\n", sequor_status_name((int32_t)refused), sequor_last_error());

    int64_t updates;
    check(sequor_optimizer_step_count(adam, &updates));
    printf("%lld parameters, %lld updates, loss %.4f\n", (long long)parameters, (long long)updates, value);

    check(sequor_step_free(step));
    check(sequor_optimizer_free(adam));
    check(sequor_loss_free(loss));
    check(sequor_plan_free(plan));
    check(sequor_model_free(model));
    check(sequor_backend_free(backend));
    printf("%lld handles are left\n", (long long)sequor_live_handles());
    return refused == SEQUOR_ERROR_DESCRIPTION && value < first && sequor_live_handles() == 0 ? 0 : 1;
}
