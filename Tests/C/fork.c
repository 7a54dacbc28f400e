/* After a fork the child's calls are refused, with words, and the parent goes on; and taking the library out of the process does nothing. */
#define _POSIX_C_SOURCE 199309L
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sequor.h"

int main(int count, char **arguments)
{
    sequor_backend backend;
    sequor_model model;
    if (count != 2 || sequor_backend_cpu(NULL, &backend) != SEQUOR_OK)
        return 2;
    pid_t child = fork();
    if (child == 0) {
        sequor_status told[4];
        told[0] = sequor_backend_synchronize(backend);
        told[1] = sequor_model_create("{}", &model);
        told[2] = sequor_backend_free(backend);
        told[3] = sequor_backend_cpu(NULL, &backend);
        for (int i = 0; i < 4; i++) {
            if (told[i] != SEQUOR_ERROR_FORKED)
                _exit(1);
        }
        _exit(strstr(sequor_last_error(), "was forked after libsequor had begun") == NULL);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return 3;
    printf("child %d\n", WEXITSTATUS(status));
    if (sequor_backend_synchronize(backend) != SEQUOR_OK)
        return 4;
    void *library = dlopen(arguments[1], RTLD_NOW);
    if (library == NULL || dlclose(library) != 0)
        return 5;
    if (sequor_backend_free(backend) != SEQUOR_OK || sequor_live_handles() != 0)
        return 6;
    printf("parent 0\n");
    return 0;
}
