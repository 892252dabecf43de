// Attention without matrix units, for f32 and for heads of any size up to 256: a warp a query (or
// key) and head. A thread scores one key of 32, then holds every 32nd number of the result.
#include "attention.h"

constexpr int THREADS = 128, NUMBERS = 8;

template <class T>
DEVICE float dot(const T* a, const T* b, int d) {
  float sum = 0.f;
  for (int c = 0; c < d; ++c) sum += wide(a[c]) * wide(b[c]);
  return sum;
}
struct Warp {
  u64 number;
  int lane;
};
DEVICE Warp this_warp() { return {(u64)blockIdx.x * (THREADS / 32) + (threadIdx.x >> 5), (int)threadIdx.x & 31}; }
// to += weights times rows, of which row x has the weight of thread x; a row without weight is not
// looked at.
template <class T, class F>
DEVICE void add_rows(float (&to)[NUMBERS], float weight, int count, int d, F row_of) {
  const int lane = threadIdx.x & 31;
  for (int x = 0; x < 32; ++x) {
    const float w = shuffle(weight, x);
    if (x >= count || w == 0.f) continue;
    const T* row = row_of(x);
    UNROLL for (int c = 0; c < NUMBERS; ++c)
      if (c * 32 + lane < d) to[c] += w * wide(row[c * 32 + lane]);
  }
}
template <class T>
DEVICE void store_row(T* row, const float (&from)[NUMBERS], float factor, int d) {
  const int lane = threadIdx.x & 31;
  UNROLL for (int c = 0; c < NUMBERS; ++c)
    if (c * 32 + lane < d) row[c * 32 + lane] = narrow<T>(from[c] * factor);
}

template <class T>
DEVICE void plain(const T* q, const T* k, const T* v, AttentionPlaces places, T* out, float* lse, u64 count, AttentionShape p) {
  const Warp warp = this_warp();
  if (warp.number >= count) return;
  const int head = warp.number % p.h, query = warp.number / p.h % p.s, b = warp.number / p.h / p.s;
  const Group group = {p.h / p.g, head / (p.h / p.g), b};
  const Row where = Row::of(places, p, b);
  const Range seen = visible_keys(where, p, query, query);
  const int position = query_position(where, query);
  const T* own = q + warp.number * p.d;
  float sums[NUMBERS] = {}, top = -infinity(), sum = 0.f;
  for (int j0 = seen.begin; j0 < seen.end; j0 += 32) {
    const int key = j0 + warp.lane;
    const bool visible = key < seen.end && sees(p, position, key_position(where, key));
    const float score = visible ? dot(own, k + key_row(group, p, key) * p.d, p.d) * p.scale : -infinity();
    const float now = maximum(top, warp_reduce<Greatest>(score));
    if (now == -infinity()) continue;
    const float keep = expf(top - now), weight = visible ? expf(score - now) : 0.f;
    top = now;
    sum = sum * keep + warp_reduce<Sum>(weight);
    UNROLL for (int c = 0; c < NUMBERS; ++c) sums[c] *= keep;
    add_rows<T>(sums, weight, smaller(32, seen.end - j0), p.d, [&](int x) { return v + key_row(group, p, j0 + x) * p.d; });
  }
  const bool any = top != -infinity();
  store_row(out + warp.number * p.d, sums, any ? 1.f / sum : 0.f, p.d);
  if (warp.lane == 0) lse[((u64)b * p.h + head) * p.s + query] = any ? top + logf(sum) : top;
}

// delta [b, h, s] = the sum of out * grad over a head: a thread a row, in the order in which grad
// and values are multiplied, so that nothing is left of the difference where out is the value.
template <class T>
DEVICE void delta_of(const T* out, const T* grad, float* delta, u64 count, AttentionShape p) {
  const u64 row = (u64)blockIdx.x * THREADS + threadIdx.x;
  if (row >= count) return;
  const u64 head = row % p.h, token = row / p.h;
  delta[(token / p.s * p.h + head) * p.s + token % p.s] = dot(grad + row * p.d, out + row * p.d, p.d);
}

template <class T>
DEVICE void plain_queries(const T* q, const T* k, const T* v, AttentionPlaces places, const T* grad, const float* lse, const float* delta,
                          T* dq, u64 count, AttentionShape p) {
  const Warp warp = this_warp();
  if (warp.number >= count) return;
  const int head = warp.number % p.h, query = warp.number / p.h % p.s, b = warp.number / p.h / p.s;
  const Group group = {p.h / p.g, head / (p.h / p.g), b};
  const Row where = Row::of(places, p, b);
  const Range seen = visible_keys(where, p, query, query);
  const int position = query_position(where, query);
  const u64 at = ((u64)b * p.h + head) * p.s + query;
  float sums[NUMBERS] = {};
  for (int j0 = seen.begin; j0 < seen.end; j0 += 32) {
    const int key = j0 + warp.lane;
    const bool visible = key < seen.end && sees(p, position, key_position(where, key));
    float ds = 0.f;
    if (visible) {
      const u64 row = key_row(group, p, key) * p.d;
      const float e = expf(dot(q + warp.number * p.d, k + row, p.d) * p.scale - lse[at]);
      ds = e * (dot(grad + warp.number * p.d, v + row, p.d) - delta[at]);
    }
    add_rows<T>(sums, ds, smaller(32, seen.end - j0), p.d, [&](int x) { return k + key_row(group, p, j0 + x) * p.d; });
  }
  store_row(dq + warp.number * p.d, sums, p.scale, p.d);
}

template <class T>
DEVICE void plain_keys(const T* q, const T* k, const T* v, AttentionPlaces places, const T* grad, const float* lse, const float* delta,
                       T* dk, T* dv, u64 count, AttentionShape p) {
  const Warp warp = this_warp();
  if (warp.number >= count) return;
  const int key = warp.number / p.g % p.t, b = warp.number / p.g / p.t;
  const Group group = {p.h / p.g, (int)(warp.number % p.g), b};
  const Row where = Row::of(places, p, b);
  const int position = key_position(where, key);
  const Range watching = watching_queries(where, p, key, key);
  const int row0 = watching.begin * group.size, row_end = watching.end * group.size;
  const u64 own = warp.number * p.d;
  float sum_k[NUMBERS] = {}, sum_v[NUMBERS] = {};
  for (int r0 = row0; r0 < row_end; r0 += 32) {
    const int r = r0 + warp.lane;
    const bool visible = r < row_end && sees(p, query_position(where, r / group.size), position);
    float e = 0.f, ds = 0.f;
    if (visible) {
      const u64 row = query_row(group, p, r) * p.d, at = lse_place(group, p, r);
      e = expf(dot(q + row, k + own, p.d) * p.scale - lse[at]);
      ds = e * (dot(grad + row, v + own, p.d) - delta[at]);
    }
    const int count_here = smaller(32, row_end - r0);
    add_rows<T>(sum_k, ds, count_here, p.d, [&](int x) { return q + query_row(group, p, r0 + x) * p.d; });
    add_rows<T>(sum_v, e, count_here, p.d, [&](int x) { return grad + query_row(group, p, r0 + x) * p.d; });
  }
  store_row(dk + own, sum_k, p.scale, p.d);
  store_row(dv + own, sum_v, 1.f, p.d);
}

#define PLAIN(name, T)                                                                                                        \
  KERNEL(THREADS, attention_plain_##name)                                                                                     \
  (const T* q, const T* k, const T* v, AttentionPlaces places, T* out, float* lse, u64 count, AttentionShape p) {             \
    plain(q, k, v, places, out, lse, count, p);                                                                               \
  }                                                                                                                           \
  REGISTER(attention_plain_##name)                                                                                            \
  KERNEL(THREADS, attention_delta_##name)(const T* out, const T* grad, float* delta, u64 count, AttentionShape p) {           \
    delta_of(out, grad, delta, count, p);                                                                                     \
  }                                                                                                                           \
  REGISTER(attention_delta_##name)                                                                                            \
  KERNEL(THREADS, attention_plain_queries_##name)                                                                             \
  (const T* q, const T* k, const T* v, AttentionPlaces places, const T* grad, const float* lse, const float* delta, T* dq,    \
   u64 count, AttentionShape p) {                                                                                             \
    plain_queries(q, k, v, places, grad, lse, delta, dq, count, p);                                                           \
  }                                                                                                                           \
  REGISTER(attention_plain_queries_##name)                                                                                    \
  KERNEL(THREADS, attention_plain_keys_##name)                                                                                \
  (const T* q, const T* k, const T* v, AttentionPlaces places, const T* grad, const float* lse, const float* delta, T* dk,    \
   T* dv, u64 count, AttentionShape p) {                                                                                      \
    plain_keys(q, k, v, places, grad, lse, delta, dk, dv, count, p);                                                          \
  }                                                                                                                           \
  REGISTER(attention_plain_keys_##name)
EACH_FLOAT(PLAIN)
