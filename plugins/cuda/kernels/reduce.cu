// Sums, means and maxima, in f32, in an order that depends on shapes alone.
#include "layout.h"

enum Reduction { SUM, MEAN, MAX };
DEVICE float nothing(int kind) { return kind == MAX ? -infinity() : 0.f; }
DEVICE float join(int kind, float a, float b) { return kind == MAX ? maximum(a, b) : a + b; }
DEVICE float finish(int kind, float x, u64 n) { return kind == MEAN ? x / (float)n : x; }

DEVICE float warp_join(int kind, float x) {
  UNROLL for (int offset = 16; offset > 0; offset >>= 1) x = join(kind, x, shuffle_xor(x, offset));
  return x;
}

// y[r] of rows of n elements: a warp a row.
template <class T>
DEVICE void reduce_short(const T* x, T* y, u64 rows, u64 n, int kind) {
  const u64 row = (u64)blockIdx.x * (THREADS / 32) + (threadIdx.x >> 5);
  const int lane = threadIdx.x & 31;
  if (row >= rows) return;
  float sum = nothing(kind);
  for (u64 i = lane; i < n; i += 32) sum = join(kind, sum, wide(x[row * n + i]));
  sum = warp_join(kind, sum);
  if (lane == 0) y[row] = narrow<T>(finish(kind, sum, n));
}
// The same with a block a row.
template <class T>
DEVICE void reduce_long(const T* x, T* y, u64 n, int kind) {
  SHARED(float, partial, THREADS / 32);
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  float sum = nothing(kind);
  for (u64 i = threadIdx.x; i < n; i += THREADS) sum = join(kind, sum, wide(x[blockIdx.x * n + i]));
  sum = warp_join(kind, sum);
  if (lane == 0) partial[warp] = sum;
  __syncthreads();
  if (warp > 0) return;
  sum = warp_join(kind, lane < THREADS / 32 ? partial[lane] : nothing(kind));
  if (lane == 0) y[blockIdx.x] = narrow<T>(finish(kind, sum, n));
}
// x [outer, rows, inner] -> partial [chunks, outer, inner]: a thread a column, a row of the grid a
// chunk of rows.
template <class T>
DEVICE void reduce_columns(const T* x, float* partial, u64 outer, u64 rows, u64 inner, u64 chunk, int kind) {
  const u64 column = (u64)blockIdx.x * THREADS + threadIdx.x;
  if (column >= outer * inner) return;
  const u64 o = column / inner, c = column - o * inner, begin = blockIdx.y * chunk, end = smaller(begin + chunk, rows);
  float sum = nothing(kind);
  for (u64 r = begin; r < end; ++r) sum = join(kind, sum, wide(x[(o * rows + r) * inner + c]));
  partial[blockIdx.y * outer * inner + column] = sum;
}
// partial [chunks, count] -> y [count], of n elements each.
template <class T>
DEVICE void reduce_chunks(const float* partial, T* y, u64 chunks, u64 count, u64 n, int kind) {
  const u64 i = (u64)blockIdx.x * THREADS + threadIdx.x;
  if (i >= count) return;
  float sum = nothing(kind);
  for (u64 c = 0; c < chunks; ++c) sum = join(kind, sum, partial[c * count + i]);
  y[i] = narrow<T>(finish(kind, sum, n));
}
// Any dimensions: a warp an output.
template <class T>
DEVICE void reduce_strided(const T* x, T* y, const Layout& kept, const Layout& reduced, int kind) {
  const u64 row = (u64)blockIdx.x * (THREADS / 32) + (threadIdx.x >> 5);
  const int lane = threadIdx.x & 31;
  if (row >= kept.count) return;
  i64 start[1], at[1];
  offsets(kept, row, start);
  float sum = nothing(kind);
  for (u64 i = lane; i < reduced.count; i += 32) {
    offsets(reduced, i, at);
    sum = join(kind, sum, wide(x[start[0] + at[0]]));
  }
  sum = warp_join(kind, sum);
  if (lane == 0) y[row] = narrow<T>(finish(kind, sum, reduced.count));
}

#define REDUCE(name, T)                                                                                              \
  KERNEL(THREADS, reduce_short_##name)(const T* x, T* y, u64 rows, u64 n, int kind) { reduce_short(x, y, rows, n, kind); } \
  REGISTER(reduce_short_##name)                                                                                      \
  KERNEL(THREADS, reduce_long_##name)(const T* x, T* y, u64 n, int kind) { reduce_long(x, y, n, kind); }             \
  REGISTER(reduce_long_##name)                                                                                       \
  KERNEL(THREADS, reduce_columns_##name)                                                                             \
  (const T* x, float* partial, u64 outer, u64 rows, u64 inner, u64 chunk, int kind) {                                \
    reduce_columns(x, partial, outer, rows, inner, chunk, kind);                                                     \
  }                                                                                                                  \
  REGISTER(reduce_columns_##name)                                                                                    \
  KERNEL(THREADS, reduce_chunks_##name)(const float* partial, T* y, u64 chunks, u64 count, u64 n, int kind) {        \
    reduce_chunks(partial, y, chunks, count, n, kind);                                                               \
  }                                                                                                                  \
  REGISTER(reduce_chunks_##name)                                                                                     \
  KERNEL(THREADS, reduce_strided_##name)(const T* x, T* y, Layout kept, Layout reduced, int kind) {                  \
    reduce_strided(x, y, kept, reduced, kind);                                                                       \
  }                                                                                                                  \
  REGISTER(reduce_strided_##name)
EACH_FLOAT(REDUCE)
