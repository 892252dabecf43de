// A stand-in for Neuron's plugin in tests, and nothing else: the plugin that STAND_IN_PLUGIN names, behind Neuron's name, refusing what
// Neuron's is known to refuse. Built by tests/stand_in.rs with the header that comes with that plugin.

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pjrt_c_api.h"

static const PJRT_Api *inner;
static PJRT_Api outer;
static char refusal[256];

static PJRT_Error *refuse(const char *what) {
  snprintf(refusal, sizeof refusal, "stand-in for Neuron: %s", what);
  return (PJRT_Error *)&refusal;
}

static void message(PJRT_Error_Message_Args *args) {
  if (args->error == (PJRT_Error *)&refusal) {
    args->message = refusal;
    args->message_size = strlen(refusal);
    return;
  }
  inner->PJRT_Error_Message(args);
}

static PJRT_Error *code(PJRT_Error_GetCode_Args *args) {
  if (args->error == (PJRT_Error *)&refusal) {
    args->code = PJRT_Error_Code_INVALID_ARGUMENT;
    return NULL;
  }
  return inner->PJRT_Error_GetCode(args);
}

static void destroy(PJRT_Error_Destroy_Args *args) {
  if (args->error != (PJRT_Error *)&refusal) inner->PJRT_Error_Destroy(args);
}

static PJRT_Error *create(PJRT_Client_Create_Args *args) {
  if (getenv("STAND_IN_NO_DEVICE")) return refuse("no device was found");
  if (!getenv("NEURON_RT_VISIBLE_CORES")) return refuse("the process would take all cores");
  return inner->PJRT_Client_Create(args);
}

static PJRT_Error *platform(PJRT_Client_PlatformName_Args *args) {
  PJRT_Error *error = inner->PJRT_Client_PlatformName(args);
  if (!error) {
    args->platform_name = "neuron";
    args->platform_name_size = 6;
  }
  return error;
}

static int holds(const char *bytes, size_t size, const char *word) {
  size_t length = strlen(word);
  for (size_t at = 0; at + length <= size; at++)
    if (!memcmp(bytes + at, word, length)) return 1;
  return 0;
}

static PJRT_Error *compile(PJRT_Client_Compile_Args *args) {
  static const char *refused[] = {"sort_v",  "while_v", "case_v", "if_v",          "rng_v",
                                  "erf",     "topk",    "fft_v",  "custom_call_v", "dynamic_reshape_v"};
  const char *bytes = args->program->code;
  size_t size = args->program->code_size;
  if (size < 4 || memcmp(bytes, "ML\xefR", 4)) return refuse("the program is no portable artifact");
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    if (holds(bytes, size, refused[i])) {
      static char text[64];
      snprintf(text, sizeof text, "%s is not supported", refused[i]);
      return refuse(text);
    }
  }
  return inner->PJRT_Client_Compile(args);
}

static PJRT_Error *upload(PJRT_Client_BufferFromHostBuffer_Args *args) {
  if (args->type == PJRT_Buffer_Type_F64) return refuse("there is no f64");
  if (args->type == PJRT_Buffer_Type_S64 || args->type == PJRT_Buffer_Type_U64) return refuse("there are no 64-bit integers");
  return inner->PJRT_Client_BufferFromHostBuffer(args);
}

static PJRT_Error *execute(PJRT_LoadedExecutable_Execute_Args *args) {
  if (!args->device_complete_events) return refuse("nobody asks when the module is done");
  return inner->PJRT_LoadedExecutable_Execute(args);
}

static PJRT_Error *assignment(PJRT_LoadedExecutable_GetDeviceAssignment_Args *args) {
  (void)args;
  abort();  // As Neuron's does.
}

__attribute__((visibility("default"))) const PJRT_Api *GetPjrtApi(void) {
  const char *version = getenv("NEURON_INTERNAL_PJRT_C_API_VERSION");
  if (!version || strcmp(version, "0.81")) return NULL;
  const char *path = getenv("STAND_IN_PLUGIN");
  void *library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
  if (!library) return NULL;
  inner = ((const PJRT_Api *(*)(void))dlsym(library, "GetPjrtApi"))();
  size_t size = inner->struct_size < sizeof outer ? inner->struct_size : sizeof outer;
  memcpy(&outer, inner, size);
  outer.struct_size = size;
  outer.PJRT_Error_Message = message;
  outer.PJRT_Error_GetCode = code;
  outer.PJRT_Error_Destroy = destroy;
  outer.PJRT_Client_Create = create;
  outer.PJRT_Client_PlatformName = platform;
  outer.PJRT_Client_Compile = compile;
  outer.PJRT_Client_BufferFromHostBuffer = upload;
  outer.PJRT_LoadedExecutable_Execute = execute;
  outer.PJRT_LoadedExecutable_GetDeviceAssignment = assignment;
  return &outer;
}
