// CUDA's driver library on a machine whose GPU is this process: for the real pycuda to run on.
// One thread makes all calls; memory, streams and events live while the context is current. What is
// broken or left is counted, and asked for by simulated_faults().
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_CONTEXT = 201, NOT_FOUND = 500 };
static const size_t MEMORY = 1 << 26;

static pthread_t owner;
static int called, wrong_thread, current, without_context, retained, live;

static int seen(int needs_context) {
    if (!called++) owner = pthread_self();
    if (!pthread_equal(owner, pthread_self())) wrong_thread++;
    if (needs_context && current < 1) {
        without_context++;
        return INVALID_CONTEXT;
    }
    return OK;
}
#define IN_CONTEXT                                                                                \
    do {                                                                                          \
        int status = seen(1);                                                                     \
        if (status) return status;                                                                \
    } while (0)

// Faults by kind, in the order that the test knows.
void simulated_faults(int *counts) {
    int now[] = {wrong_thread, without_context, current, retained, live};
    memcpy(counts, now, sizeof now);
}

int cuInit(unsigned flags) { return seen(0); }
int cuDriverGetVersion(int *version) { return *version = 13020, OK; }
int cuGetErrorString(int code, const char **text) {
    return *text = code == OUT_OF_MEMORY ? "out of memory" : "simulated error", OK;
}
int cuGetErrorName(int code, const char **text) { return cuGetErrorString(code, text); }
int cuDeviceGet(int *device, int number) { return *device = number, number ? INVALID_VALUE : OK; }
int cuDeviceGetCount(int *count) { return *count = 1, OK; }
int cuDeviceGetName(char *name, int size, int device) {
    return snprintf(name, size, "Simulated GPU"), OK;
}
int cuDeviceComputeCapability(int *major, int *minor, int device) {
    return *major = 8, *minor = 7, OK;
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
    return retained++, *context = &retained, seen(0);
}
int cuDevicePrimaryCtxRelease_v2(int device) { return retained--, seen(0); }
int cuCtxPushCurrent_v2(void *context) { return current++, seen(0); }
int cuCtxPopCurrent_v2(void **context) {
    IN_CONTEXT;
    return current--, *context = &retained, OK;
}
int cuCtxSynchronize(void) { return seen(1); }
int cuCtxGetDevice(int *device) { return *device = 0, seen(1); }

static int made(void **thing) {
    IN_CONTEXT;
    return live++, *thing = malloc(1), OK;
}
static int gone(void *thing) {
    IN_CONTEXT;
    return live--, free(thing), OK;
}
int cuStreamCreate(void **stream, unsigned flags) { return made(stream); }
int cuStreamDestroy_v2(void *stream) { return gone(stream); }
int cuStreamSynchronize(void *stream) { return seen(1); }
int cuEventCreate(void **event, unsigned flags) { return made(event); }
int cuEventDestroy_v2(void *event) { return gone(event); }
int cuEventRecord(void *event, void *stream) { return stream ? seen(1) : INVALID_VALUE; }
int cuEventQuery(void *event) { return seen(1); }
int cuEventElapsedTime_v2(float *ms, void *from, void *to) { return *ms = 1.5, seen(1); }
int cuEventElapsedTime(float *ms, void *from, void *to) { return *ms = 1.5, seen(1); }
int cuEventSynchronize(void *event) { return seen(1); }

int cuMemAlloc_v2(uintptr_t *address, size_t size) {
    IN_CONTEXT;
    if (size > MEMORY) return OUT_OF_MEMORY;
    return live++, *address = (uintptr_t)malloc(size), OK;
}
int cuMemFree_v2(uintptr_t address) { return gone((void *)address); }
int cuMemHostAlloc(void **memory, size_t size, unsigned flags) {
    return cuMemAlloc_v2((uintptr_t *)memory, size);
}
int cuMemFreeHost(void *memory) { return gone(memory); }
int cuMemcpyHtoDAsync_v2(uintptr_t to, const void *from, size_t size, void *stream) {
    IN_CONTEXT;
    return stream ? (memcpy((void *)to, from, size), OK) : INVALID_VALUE;
}
int cuMemcpyDtoHAsync_v2(void *to, uintptr_t from, size_t size, void *stream) {
    IN_CONTEXT;
    return stream ? (memcpy(to, (void *)from, size), OK) : INVALID_VALUE;
}

// A "cubin" is what tests/cuda/compile.py compiled; its size stands in its own header.
int cuModuleLoadDataEx(void **module, const void *image, unsigned n, void *keys, void **values) {
    IN_CONTEXT;
    const Elf64_Ehdr *header = image;
    size_t size = header->e_shoff + (size_t)header->e_shnum * header->e_shentsize;
    int file = memfd_create("cubin", 0);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (write(file, image, size) != (ssize_t)size) return INVALID_VALUE;
    *module = dlopen(path, RTLD_NOW);
    close(file);
    return *module ? (live++, OK) : INVALID_VALUE;
}
int cuModuleUnload(void *module) {
    IN_CONTEXT;
    return live--, dlclose(module), OK;
}

struct function {
    void (*launch)(const unsigned *, const unsigned *, void **);
    const char *letters;
};
int cuModuleGetFunction(void **found, void *module, const char *name) {
    IN_CONTEXT;
    char symbol[256];
    struct function *function = malloc(sizeof *function);
    snprintf(symbol, sizeof symbol, "launch_%s", name);
    function->launch = dlsym(module, symbol);
    snprintf(symbol, sizeof symbol, "parameters_%s", name);
    const char *(*parameters)(void) = dlsym(module, symbol);
    if (!function->launch || !parameters) return NOT_FOUND;
    return function->letters = parameters(), *found = function, OK;
}
int cuFuncSetBlockShape(void *function, int x, int y, int z) { return seen(1); }

// Arguments come in one buffer, each where its type may lie.
int cuLaunchKernel(struct function *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                   unsigned by, unsigned bz, unsigned shared, void *stream, void **kernel_params,
                   void **extra) {
    IN_CONTEXT;
    unsigned grid[] = {gx, gy, gz}, block[] = {bx, by, bz};
    char *buffer = extra[1];
    void *arguments[64];
    size_t at = 0, n = 0;
    for (const char *letter = function->letters; *letter; letter++) {
        size_t size = *letter == 'P' || *letter == 'd' ? 8 : 4;
        at = (at + size - 1) / size * size;
        arguments[n++] = buffer + at;
        at += size;
    }
    if (!stream || at != *(size_t *)extra[3]) return INVALID_VALUE;
    return function->launch(grid, block, arguments), OK;
}
