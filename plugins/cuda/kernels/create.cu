// Tensors out of nothing.
#include "layout.h"

#define FILL(size, T)                                                 \
  KERNEL(THREADS, fill_##size)(T* y, u64 count, T value) {            \
    EACH_ELEMENT(i, count) y[i] = value;                              \
  }                                                                   \
  REGISTER(fill_##size)
FILL(1, u8)
FILL(2, u16)
FILL(4, u32)
FILL(8, u64)

KERNEL(THREADS, arange)(i64* y, u64 count, i64 start) {
  EACH_ELEMENT(i, count) y[i] = start + (i64)i;
}
REGISTER(arange)

KERNEL(THREADS, uniform)(float* y, u64 count, u64 seed, u64 run) {
  EACH_ELEMENT(i, count) y[i] = (float)uniform_bits(seed, uniform_place(run, i)) * (1.f / 16777216.f);
}
REGISTER(uniform)
