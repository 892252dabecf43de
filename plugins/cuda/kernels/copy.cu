// Elements moved from one layout to another: permutations, broadcasts, slices. The unit is as many
// bytes as lie together on both sides.
#include "layout.h"

// y[stride 1] = x[stride 0].
#define COPY(size, T)                                                                    \
  KERNEL(THREADS, copy_##size)(const T* __restrict__ x, T* __restrict__ y, Layout layout) { \
    EACH_ELEMENT(i, layout.count) {                                                      \
      i64 at[2];                                                                         \
      offsets(layout, i, at);                                                            \
      y[at[1]] = x[at[0]];                                                               \
    }                                                                                    \
  }                                                                                      \
  REGISTER(copy_##size)
COPY(1, u8)
COPY(2, u16)
COPY(4, u32)
COPY(8, uint2)
COPY(16, uint4)
