// Conversions between element types.
#include "layout.h"

enum Type { F32, BF16, F16, I64, U32, BOOL };

// Towards zero; beyond the range its nearest end, and 0 for NaN.
DEVICE i64 to_i64(float x) {
  if (is_nan(x)) return 0;
  if (x >= 9223372036854775808.f) return 0x7fffffffffffffffll;
  if (x <= -9223372036854775808.f) return (i64)0x8000000000000000ull;
  return (i64)x;
}
DEVICE u32 to_u32(float x) {
  if (!(x > 0.f)) return 0;
  return x >= 4294967296.f ? 0xffffffffu : (u32)x;
}
DEVICE void store(void* y, u64 i, int to, float x) {
  switch (to) {
    case F32: ((float*)y)[i] = x; break;
    case BF16: ((bf16*)y)[i] = to_bf16(x); break;
    case F16: ((f16*)y)[i] = to_f16(x); break;
    case I64: ((i64*)y)[i] = to_i64(x); break;
    case U32: ((u32*)y)[i] = to_u32(x); break;
    default: ((u8*)y)[i] = x != 0.f;
  }
}
DEVICE void store(void* y, u64 i, int to, i64 x) {
  switch (to) {
    case I64: ((i64*)y)[i] = x; break;
    case U32: ((u32*)y)[i] = (u32)(u64)x; break;
    case BOOL: ((u8*)y)[i] = x != 0; break;
    default: store(y, i, to, (float)x);
  }
}
KERNEL(THREADS, cast)(const void* x, void* y, u64 count, int from, int to) {
  EACH_ELEMENT(i, count) {
    switch (from) {
      case F32: store(y, i, to, ((const float*)x)[i]); break;
      case BF16: store(y, i, to, wide(((const bf16*)x)[i])); break;
      case F16: store(y, i, to, wide(((const f16*)x)[i])); break;
      case I64: store(y, i, to, ((const i64*)x)[i]); break;
      case U32: store(y, i, to, (i64)((const u32*)x)[i]); break;
      default: store(y, i, to, (i64)((const u8*)x)[i]);
    }
  }
}
REGISTER(cast)
