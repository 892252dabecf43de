// A driver whose card is the host's memory, and which runs one kernel, `fill_4`. What it was asked
// for goes to the file LOG.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long address;
static size_t used, most = MEMORY;

static void note(const char *format, const char *text, long number) {
  FILE *file = fopen(LOG, "a");
  if (file) {
    fprintf(file, format, text, number);
    fclose(file);
  }
}

int cuInit(unsigned flags) { return flags; }
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuGetErrorName(int code, const char **text) { *text = "CUDA_ERROR_FAKE"; return 0; }
int cuGetErrorString(int code, const char **text) { *text = "a fake error"; return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return index ? 101 : 0; }
int cuDeviceGetName(char *name, int room, int device) { strncpy(name, "Fake Card", room); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  *value = attribute == 16 ? 7 : attribute == 75 ? CAPABILITY : 0;
  return 0;
}
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = most; return 0; }
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = &used; return 0; }
int cuDevicePrimaryCtxRelease_v2(int device) { note("%s %ld\n", "release", used); return 0; }
int cuCtxSetCurrent(void *context) { return 0; }
int cuMemGetInfo_v2(size_t *free_bytes, size_t *total) { *free_bytes = most - used; *total = most; return 0; }
int cuDeviceGetDefaultMemPool(void **pool, int device) { *pool = &most; return 0; }
int cuMemPoolSetAttribute(void *pool, int attribute, void *value) { return attribute == 4 ? 0 : 1; }
int cuMemPoolGetAttribute(void *pool, int attribute, void *value) { *(unsigned long long *)value = 0; return 0; }
int cuMemAllocAsync(address *to, size_t bytes, void *stream) {
  if (used + bytes > most) return 2;
  size_t *memory = aligned_alloc(256, (bytes + 256 + 255) / 256 * 256);
  *memory = bytes;
  used += bytes;
  *to = (address)memory + 256;
  return 0;
}
int cuMemFreeAsync(address from, void *stream) {
  size_t *memory = (size_t *)(from - 256);
  used -= *memory;
  free(memory);
  return 0;
}
int cuMemHostAlloc(void **to, size_t bytes, unsigned flags) { *to = malloc(bytes); return 0; }
int cuMemFreeHost(void *memory) { free(memory); return 0; }
int cuMemcpyHtoDAsync_v2(address to, const void *from, size_t bytes, void *stream) { memcpy((void *)to, from, bytes); return 0; }
int cuMemcpyDtoHAsync_v2(void *to, address from, size_t bytes, void *stream) { memcpy(to, (void *)from, bytes); return 0; }
int cuMemcpyDtoDAsync_v2(address to, address from, size_t bytes, void *stream) { memcpy((void *)to, (void *)from, bytes); return 0; }
int cuMemsetD8Async(address to, unsigned char value, size_t bytes, void *stream) { memset((void *)to, value, bytes); return 0; }
int cuStreamCreate(void **stream, unsigned flags) { *stream = &most; return flags == 1 ? 0 : 1; }
int cuStreamDestroy_v2(void *stream) { return 0; }
int cuStreamSynchronize(void *stream) { return 0; }
int cuEventCreate(void **event, unsigned flags) { *event = malloc(1); return 0; }
int cuEventDestroy_v2(void *event) { free(event); return 0; }
int cuEventRecord(void *event, void *stream) { return 0; }
int cuEventSynchronize(void *event) { return 0; }
int cuModuleLoadData(void **module, const void *code) { *module = strdup(code); return strncmp(code, "cubin", 5) ? 200 : 0; }
int cuModuleUnload(void *module) { free(module); return 0; }
int cuModuleGetFunction(void **function, void *module, const char *name) { *function = strdup(name); return 0; }
int cuFuncSetAttribute(void *function, int attribute, int value) { note("%s may have %ld\n", function, value); return attribute == 8 ? 0 : 1; }
int cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned b, unsigned c, unsigned shared,
                   void *stream, void **arguments, void **extra) {
  note("launch %s %ld\n", function, x);
  if (strcmp(function, "fill_4") == 0) {
    unsigned *to = *(unsigned **)arguments[0];
    size_t count = *(size_t *)arguments[1];
    for (size_t i = 0; i < count; ++i) to[i] = *(unsigned *)arguments[2];
  }
  return strcmp(function, "arange") == 0 ? 700 : 0;
}
