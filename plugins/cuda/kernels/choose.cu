// The greatest elements of rows. NaN counts as the greatest of all, and the first of equals comes
// first.
#include "device.h"

constexpr int THREADS = 256;
constexpr int DIGIT = 8, BUCKETS = 1 << DIGIT;

// A number that orders as (element, the other way round its place) does; no two of a row are equal.
DEVICE u64 key(float x, u32 place) {
  const u32 bits = f32_to_bits(x + 0.f);  // -0 becomes 0
  const u32 ordered = is_nan(x) ? 0xffffffffu : bits >> 31 ? ~bits : bits | 0x80000000u;
  return (u64)ordered << 32 | (0xffffffffu - place);
}
DEVICE u32 place_of(u64 key) { return 0xffffffffu - (u32)key; }
struct Largest {
  DEVICE u64 of(u64 a, u64 b) { return a > b ? a : b; }
};

template <class T>
DEVICE void arg_max(const T* x, i64* y, u64 n) {
  x += blockIdx.x * n;
  u64 best = 0;
  for (u64 i = threadIdx.x; i < n; i += THREADS) best = Largest::of(best, key(wide(x[i]), (u32)i));
  best = block_reduce<THREADS, Largest>(best, (u64)0);
  if (threadIdx.x == 0) y[blockIdx.x] = place_of(best);
}

// The k-th greatest key of a row, digit by digit from the highest.
template <class T>
DEVICE u64 threshold(const T* x, u64 n, u64 k) {
  SHARED(u32, buckets, BUCKETS);
  SHARED(u64, state, 2);
  u64 prefix = 0, wanted = k;
  for (int shift = 64 - DIGIT; shift >= 0; shift -= DIGIT) {
    for (int i = threadIdx.x; i < BUCKETS; i += THREADS) buckets[i] = 0;
    __syncthreads();
    for (u64 i = threadIdx.x; i < n; i += THREADS) {
      const u64 candidate = key(wide(x[i]), (u32)i);
      // A shift by 64 is undefined, hence by two.
      if ((candidate >> shift >> DIGIT) == (prefix >> shift >> DIGIT)) atomicAdd(&buckets[candidate >> shift & (BUCKETS - 1)], 1u);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      int bucket = BUCKETS - 1;
      u64 left = wanted;
      for (; bucket > 0 && buckets[bucket] < left; --bucket) left -= buckets[bucket];
      state[0] = prefix | (u64)bucket << shift;
      state[1] = left;
    }
    __syncthreads();
    prefix = state[0];
    wanted = state[1];
    __syncthreads();
  }
  return prefix;
}

// `keys` has room for `room` keys a row, a power of two of at least k.
template <class T>
DEVICE void top_k(const T* x, T* values, i64* indices, u64* keys, u64 n, u64 k, u64 room) {
  SHARED(u32, taken, 1);
  x += blockIdx.x * n;
  values += blockIdx.x * k;
  indices += blockIdx.x * k;
  keys += blockIdx.x * room;
  const u64 least = threshold(x, n, k);
  for (u64 i = threadIdx.x; i < room; i += THREADS) keys[i] = 0;
  if (threadIdx.x == 0) taken[0] = 0;
  __syncthreads();
  // In any order: all keys differ, and they are sorted next.
  for (u64 i = threadIdx.x; i < n; i += THREADS) {
    const u64 candidate = key(wide(x[i]), (u32)i);
    if (candidate >= least) keys[atomicAdd(taken, 1u)] = candidate;
  }
  __syncthreads();
  // A bitonic sort, the greatest first.
  for (u64 size = 2; size <= room; size <<= 1)
    for (u64 step = size >> 1; step > 0; step >>= 1) {
      for (u64 i = threadIdx.x; i < room; i += THREADS) {
        const u64 other = i ^ step;
        if (other <= i) continue;
        const u64 a = keys[i], b = keys[other];
        if (((i & size) == 0) == (a < b)) {
          keys[i] = b;
          keys[other] = a;
        }
      }
      __syncthreads();
    }
  for (u64 i = threadIdx.x; i < k; i += THREADS) {
    const u32 place = place_of(keys[i]);
    values[i] = x[place];
    indices[i] = place;
  }
}

#define CHOOSE(name, T)                                                                                  \
  KERNEL(THREADS, arg_max_##name)(const T* x, i64* y, u64 n) { arg_max(x, y, n); }                       \
  REGISTER(arg_max_##name)                                                                               \
  KERNEL(THREADS, top_k_##name)(const T* x, T* values, i64* indices, u64* keys, u64 n, u64 k, u64 room) { \
    top_k(x, values, indices, keys, n, k, room);                                                         \
  }                                                                                                      \
  REGISTER(top_k_##name)
EACH_FLOAT(CHOOSE)
