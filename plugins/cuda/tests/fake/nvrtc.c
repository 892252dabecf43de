// A compiler that takes everything. What it compiled goes to the file LOG.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int nvrtcVersion(int *major, int *minor) { *major = 13; *minor = 0; return 0; }
int nvrtcCreateProgram(void **program, const char *source, const char *name, int count, const char **headers, const char **names) {
  *program = strdup(name);
  return count > 0 && strcmp(names[0], "device.h") == 0 && strlen(source) > 100 ? 0 : 1;
}
int nvrtcCompileProgram(void *program, int count, const char **options) {
  FILE *file = fopen(LOG, "a");
  if (file) {
    fprintf(file, "compile %s %s\n", (char *)program, options[0]);
    fclose(file);
  }
  return 0;
}
int nvrtcGetProgramLogSize(void *program, size_t *size) { *size = 1; return 0; }
int nvrtcGetProgramLog(void *program, char *log) { *log = 0; return 0; }
int nvrtcGetCUBINSize(void *program, size_t *size) { *size = 6; return 0; }
int nvrtcGetCUBIN(void *program, char *code) { memcpy(code, "cubin", 6); return 0; }
int nvrtcDestroyProgram(void **program) { free(*program); return 0; }
