// Rows of tables.
#include "device.h"

constexpr int THREADS = 256;

DEVICE i64 id_at(const void* ids, u64 i, int wide_ids) { return wide_ids ? ((const i64*)ids)[i] : (i64)((const u32*)ids)[i]; }

// Rows of `units` units each.
#define EMBEDDING(size, T)                                                                                          \
  KERNEL(THREADS, embedding_##size)                                                                                 \
  (const T* __restrict__ table, const void* __restrict__ ids, T* __restrict__ y, u64 count, i64 rows, u64 units, int wide_ids, \
   Status* status) {                                                                                                \
    const u64 i = (u64)blockIdx.x * THREADS + threadIdx.x;                                                          \
    if (i >= count * units) return;                                                                                 \
    const u64 place = i / units, unit = i - place * units;                                                          \
    const i64 id = id_at(ids, place, wide_ids);                                                                     \
    if (id < 0 || id >= rows) {                                                                                     \
      y[i] = T{};                                                                                                   \
      if (unit == 0) report(status, BAD_ID, place, id);                                                             \
      return;                                                                                                       \
    }                                                                                                               \
    y[i] = table[id * units + unit];                                                                                \
  }                                                                                                                 \
  REGISTER(embedding_##size)
EMBEDDING(1, u8)
EMBEDDING(2, u16)
EMBEDDING(4, u32)
EMBEDDING(8, uint2)
EMBEDDING(16, uint4)

// Row r of y, which is zero before, becomes the sum of the gradients whose id is r: a block for
// each place; that of the first place of an id adds up all of them, in order.
template <class T>
DEVICE void embedding_backward(const T* grad, const void* ids, T* y, u64 count, i64 rows, u64 d, int wide_ids, Status* status) {
  SHARED(u32, matches, THREADS / 32);
  const u64 place = blockIdx.x;
  const i64 id = id_at(ids, place, wide_ids);
  if (id < 0 || id >= rows) {
    if (threadIdx.x == 0 && blockIdx.y == 0) report(status, BAD_ID, place, id);
    return;
  }
  for (u64 i = 0; i < place; i += THREADS) {
    const bool earlier = i + threadIdx.x < place && id_at(ids, i + threadIdx.x, wide_ids) == id;
    const u32 mask = ballot(earlier);
    if ((threadIdx.x & 31) == 0) matches[threadIdx.x >> 5] = mask;
    __syncthreads();
    u32 any = 0;
    for (int w = 0; w < THREADS / 32; ++w) any |= matches[w];
    __syncthreads();
    if (any) return;
  }
  const u64 column = (u64)blockIdx.y * THREADS + threadIdx.x;
  float sum = 0.f;
  for (u64 i = place; i < count; i += THREADS) {
    const bool same = i + threadIdx.x < count && id_at(ids, i + threadIdx.x, wide_ids) == id;
    const u32 mask = ballot(same);
    if ((threadIdx.x & 31) == 0) matches[threadIdx.x >> 5] = mask;
    __syncthreads();
    if (column < d)
      for (int w = 0; w < THREADS / 32; ++w)
        for (u32 left = matches[w]; left; left &= left - 1) sum += wide(grad[(i + w * 32 + lowest_bit(left)) * d + column]);
    __syncthreads();
  }
  if (column < d) y[id * d + column] = narrow<T>(sum);
}
#define EMBEDDING_BACKWARD(name, T)                                                                          \
  KERNEL(THREADS, embedding_backward_##name)                                                                 \
  (const T* grad, const void* ids, T* y, u64 count, i64 rows, u64 d, int wide_ids, Status* status) {         \
    embedding_backward(grad, ids, y, count, rows, d, wide_ids, status);                                      \
  }                                                                                                          \
  REGISTER(embedding_backward_##name)
EACH_FLOAT(EMBEDDING_BACKWARD)
