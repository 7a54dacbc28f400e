/* A profiler that listens to NVTX 3 and writes what it is told to the file that NVTX_TOOL_OUTPUT names: a line an event, indented by depth.
   A test compiles it, to have the client called by something that is no C#. With -DREFUSES its entry point returns 0. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TABLES = 1, CORE2 = 5 };
enum { START = 2, END = 3, PUSH = 4, POP = 5, NAME = 8, REGISTER = 10, CREATE = 12 };

struct event {
    uint16_t version, size;
    uint32_t category;
    int32_t color_type;
    uint32_t color;
    int32_t payload_type, reserved;
    int64_t payload;
    int32_t message_type;
    const char *message;
};

struct callbacks {
    size_t size;
    int (*table)(int module, void ***slots, unsigned *count);
};

static FILE *out;
static int depth;

static void *create(const char *name)
{
    fprintf(out, "domain %s\n", name);
    return (void *)out;
}

/* The handle of a text is a copy of it. */
static void *text(void *domain, const char *name) { return domain == out ? strdup(name) : 0; }

static void category(void *domain, uint32_t number, const char *name)
{
    (void)domain;
    fprintf(out, "category %u %s\n", number, name);
}

static void line(const char *what, const struct event *e)
{
    if (e->version != 3 || e->size != sizeof *e || e->message_type != 3)
        fprintf(out, "bad event\n");
    fprintf(out, "%*s%s %s\n", 2 * depth, "", what, e->message);
}

static uint64_t start(void *domain, const struct event *e)
{
    (void)domain;
    line("start", e);
    return 7;
}

static void end(void *domain, uint64_t id)
{
    (void)domain;
    fprintf(out, "end %llu\n", (unsigned long long)id);
    fflush(out);
}

static int push(void *domain, const struct event *e)
{
    (void)domain;
    line("push", e);
    return depth++;
}

static int pop(void *domain)
{
    (void)domain;
    depth--;
    fflush(out);
    return depth;
}

int InitializeInjectionNvtx2(const void *(*get)(uint32_t))
{
#ifdef REFUSES
    (void)get;
    return 0;
#else
    const struct callbacks *callbacks = get(TABLES);
    const char *path = getenv("NVTX_TOOL_OUTPUT");
    void **slots;
    unsigned count;
    if (!path || !callbacks || !callbacks->table(CORE2, &slots, &count) || count < 16)
        return 0;
    out = fopen(path, "w");
    if (!out)
        return 0;
    *(void **)slots[CREATE] = (void *)create;
    *(void **)slots[REGISTER] = (void *)text;
    *(void **)slots[NAME] = (void *)category;
    *(void **)slots[START] = (void *)start;
    *(void **)slots[END] = (void *)end;
    *(void **)slots[PUSH] = (void *)push;
    *(void **)slots[POP] = (void *)pop;
    return 1;
#endif
}
