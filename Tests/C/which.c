/* Which libsequor the loader took, by the maps of the process, and the width of its vectors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sequor.h"

int main(void)
{
    sequor_backend backend;
    char info[4096];
    size_t size;
    if (sequor_backend_cpu(NULL, &backend) != SEQUOR_OK ||
        sequor_backend_info(backend, info, sizeof info, &size) != SEQUOR_OK) {
        fprintf(stderr, "%s\n", sequor_last_error());
        return 1;
    }
    char line[4096];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        char *path = strchr(line, '/');
        if (path != NULL && strstr(path, "libsequor.so") != NULL) {
            const char *bits = strstr(info, "\"vector_bits\":");
            path[strcspn(path, "\n")] = 0;
            printf("%s %d bits\n", path, bits == NULL ? 0 : atoi(bits + strlen("\"vector_bits\":")));
            break;
        }
    }
    if (maps != NULL)
        fclose(maps);
    return sequor_backend_free(backend) == SEQUOR_OK ? 0 : 1;
}
