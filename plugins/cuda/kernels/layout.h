// Where the elements of strided tensors lie.
#pragma once
#include "device.h"

constexpr int RANK = 8;
// The extents of what a kernel walks over, and for up to three tensors the elements between
// neighbours in each dimension.
struct Layout {
  u64 count;
  i64 rank;
  i64 extent[RANK];
  i64 stride[3][RANK];
};

// The offsets of element `index`, in row-major order, in the first N tensors.
template <int N>
DEVICE void offsets(const Layout& layout, u64 index, i64 (&at)[N]) {
  UNROLL for (int k = 0; k < N; ++k) at[k] = 0;
  if (layout.count <= 0xffffffffull) {
    u32 rest = (u32)index;
    UNROLL for (int d = RANK - 1; d >= 0; --d) {
      if (d >= layout.rank) continue;
      const u32 extent = (u32)layout.extent[d], above = rest / extent, here = rest - above * extent;
      UNROLL for (int k = 0; k < N; ++k) at[k] += here * layout.stride[k][d];
      rest = above;
    }
  } else {
    u64 rest = index;
    UNROLL for (int d = RANK - 1; d >= 0; --d) {
      if (d >= layout.rank) continue;
      const u64 extent = (u64)layout.extent[d], above = rest / extent, here = rest - above * extent;
      UNROLL for (int k = 0; k < N; ++k) at[k] += (i64)here * layout.stride[k][d];
      rest = above;
    }
  }
}

// The elements of a thread: ROUNDS of them, a block apart.
constexpr int THREADS = 256, ROUNDS = 4;
#define EACH_ELEMENT(i, count)                                                                               \
  UNROLL for (int round_ = 0; round_ < ROUNDS; ++round_)                                                      \
    if (const u64 i = ((u64)blockIdx.x * ROUNDS + round_) * THREADS + threadIdx.x; i < (count))
