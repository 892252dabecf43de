// Rows of numbers, N at a time.
#pragma once
#include "device.h"

constexpr int THREADS = 256;

// Calls `body(i, pack)` for all packs of N numbers of a row of n, a multiple of N.
template <class T, int N, class F>
DEVICE void each_in_row(const T* row, u64 n, F body) {
  for (u64 i = (u64)threadIdx.x * N; i < n; i += THREADS * N) body(i, *(const Pack<T, N>*)(row + i));
}
template <class T, int N>
DEVICE Pack<T, N> pack_at(const T* row, u64 i) {
  return *(const Pack<T, N>*)(row + i);
}
