// FlashAttention-2 (Dao 2023, arXiv 2307.08691): four warps of 16 rows each. A row is a query and a
// head of the group that shares a key head, so that grouped queries read a key once. Where queries
// are few, the keys are cut into parts, whose results a second kernel puts together.
#include "tiles.h"

constexpr float NEVER = -3.0e38f;
constexpr int BQ = 64, BK = 64;

template <class T, int D>
DEVICE void attention(const T* q, const T* k, const T* v, AttentionPlaces places, T* out, float* lse, float* part_out, float* part_lse,
                      AttentionShape p) {
  DYNAMIC_SHARED(shared);
  u8 *tile_q = shared, *tile_k = tile_q + BQ * D * 2, *tile_v = tile_k + 2 * BK * D * 2;
  int* positions = (int*)(tile_v + 2 * BK * D * 2);
  const int part = blockIdx.z % p.parts;
  const Group group = {p.h / p.g, (int)blockIdx.y, (int)blockIdx.z / p.parts};
  const Row where = Row::of(places, p, group.b);
  const int rows = p.s * group.size, row0 = blockIdx.x * BQ, last_row = smaller(row0 + BQ, rows) - 1;
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, gi = lane >> 2, ti = lane & 3;
  const Range seen = visible_keys(where, p, row0 / group.size, last_row / group.size);
  const int tiles = (seen.end - seen.begin + BK - 1) / BK, each = (tiles + p.parts - 1) / p.parts;
  const int begin = part * each, end = smaller(begin + each, tiles);

  load_tile<D, BQ>(tile_q, q, p.d, [&](int r) -> const T* {
    return row0 + r < rows ? q + query_row(group, p, row0 + r) * p.d : nullptr;
  });
  auto load = [&](int j, int stage) {
    const int key0 = seen.begin + j * BK;
    auto row_of = [&](const T* from, int r) -> const T* {
      return key0 + r < seen.end ? from + key_row(group, p, key0 + r) * p.d : nullptr;
    };
    load_tile<D, BK>(tile_k + stage * BK * D * 2, k, p.d, [&](int r) { return row_of(k, r); });
    load_tile<D, BK>(tile_v + stage * BK * D * 2, v, p.d, [&](int r) { return row_of(v, r); });
    for (int i = threadIdx.x; i < BK; i += TILE_THREADS)
      positions[stage * BK + i] = key0 + i < seen.end ? key_position(where, key0 + i) : HIDDEN;
    copy_async_commit();
  };

  int place[2];
  UNROLL for (int i = 0; i < 2; ++i) {
    const int r = row0 + warp * 16 + gi + i * 8;
    place[i] = r < rows ? query_position(where, r / group.size) : 0;
  }
  float o[D / 8][4], top[2] = {NEVER, NEVER}, sum[2] = {0.f, 0.f};
  u32 fq[D / 16][4];
  clear(o);
  const float scale = p.scale * LOG2_E;
  if (begin < end) load(begin, 0);
  for (int j = begin; j < end; ++j) {
    const int stage = (j - begin) & 1;
    if (j + 1 < end) {
      load(j + 1, stage ^ 1);
      copy_async_wait<1>();
    } else {
      copy_async_wait<0>();
    }
    __syncthreads();
    if (j == begin) UNROLL for (int c = 0; c < D / 16; ++c) load_left<D>(fq[c], tile_q, warp * 16, c * 16);
    u8 *tk = tile_k + stage * BK * D * 2, *tv = tile_v + stage * BK * D * 2;
    float s[BK / 8][4];
    clear(s);
    UNROLL for (int c = 0; c < D / 16; ++c) UNROLL for (int n = 0; n < BK / 16; ++n) {
      u32 f[4];
      load_right<D>(f, tk, n * 16, c * 16);
      multiply_add(s[2 * n], fq[c], f[0], f[1], T());
      multiply_add(s[2 * n + 1], fq[c], f[2], f[3], T());
    }
    float now[2] = {top[0], top[1]};
    const int key0 = seen.begin + j * BK;
    if (all_see(where, p, row0 / group.size, last_row / group.size, key0, key0 + BK - 1)) {
      UNROLL for (int n = 0; n < BK / 8; ++n) UNROLL for (int i = 0; i < 4; ++i) {
        s[n][i] *= scale;
        now[i >> 1] = larger(now[i >> 1], s[n][i]);
      }
    } else {
      UNROLL for (int n = 0; n < BK / 8; ++n) UNROLL for (int i = 0; i < 4; ++i) {
        const int key = positions[stage * BK + n * 8 + ti * 2 + (i & 1)];
        s[n][i] = sees(p, place[i >> 1], key) ? s[n][i] * scale : NEVER;
        now[i >> 1] = larger(now[i >> 1], s[n][i]);
      }
    }
    UNROLL for (int i = 0; i < 2; ++i) {
      now[i] = larger(now[i], shuffle_xor(now[i], 1));
      now[i] = larger(now[i], shuffle_xor(now[i], 2));
      const float keep = exp2_fast(top[i] - now[i]);
      top[i] = now[i];
      sum[i] *= keep;
      UNROLL for (int n = 0; n < D / 8; ++n) {
        o[n][2 * i] *= keep;
        o[n][2 * i + 1] *= keep;
      }
    }
    UNROLL for (int n = 0; n < BK / 8; ++n) UNROLL for (int i = 0; i < 4; ++i) {
      s[n][i] = s[n][i] == NEVER ? 0.f : exp2_fast(s[n][i] - top[i >> 1]);
      sum[i >> 1] += s[n][i];
    }
    UNROLL for (int c = 0; c < BK / 16; ++c) {
      u32 fp[4];
      as_left<T>(fp, s[2 * c], s[2 * c + 1]);
      UNROLL for (int n = 0; n < D / 16; ++n) {
        u32 f[4];
        load_right_rows<D>(f, tv, c * 16, n * 16);
        multiply_add(o[2 * n], fp, f[0], f[1], T());
        multiply_add(o[2 * n + 1], fp, f[2], f[3], T());
      }
    }
    __syncthreads();
  }
  UNROLL for (int i = 0; i < 2; ++i) {
    sum[i] += shuffle_xor(sum[i], 1);
    sum[i] += shuffle_xor(sum[i], 2);
    const int row = row0 + warp * 16 + gi + i * 8;
    if (row >= rows) continue;
    // A sum that is not a number, of scores that are none, is passed on.
    const bool any = !(sum[i] <= 0.f);
    const float inverse = any ? 1.f / sum[i] : 0.f, log_sum = any ? top[i] * LN_2 + logf(sum[i]) : -infinity();
    const u64 place_of_lse = lse_place(group, p, row), to = query_row(group, p, row) * p.d;
    if (p.parts > 1) {
      const u64 step = (u64)gridDim.z / p.parts * p.h * p.s;
      UNROLL for (int n = 0; n < D / 8; ++n) UNROLL for (int e = 0; e < 2; ++e)
        if (n * 8 + ti * 2 + e < p.d) part_out[part * step * p.d + to + n * 8 + ti * 2 + e] = o[n][2 * i + e] * inverse;
      if (ti == 0) part_lse[part * step + place_of_lse] = log_sum;
      continue;
    }
    UNROLL for (int n = 0; n < D / 8; ++n)
      if (n * 8 < p.d) *(u32*)(out + to + n * 8 + ti * 2) = pack(o[n][2 * i] * inverse, o[n][2 * i + 1] * inverse, T());
    if (ti == 0) lse[place_of_lse] = log_sum;
  }
}

// Puts the parts together: a warp a query and head.
template <class T>
DEVICE void join_parts(const float* part_out, const float* part_lse, T* out, float* lse, u64 count, AttentionShape p) {
  const u64 row = (u64)blockIdx.x * (TILE_THREADS / 32) + (threadIdx.x >> 5);
  const int lane = threadIdx.x & 31;
  if (row >= count) return;
  const u64 head = row % p.h, token = row / p.h, at = (token / p.s * p.h + head) * p.s + token % p.s;
  float top = -infinity(), sum = 0.f;
  for (int i = 0; i < p.parts; ++i) top = maximum(top, part_lse[i * count + at]);
  if (top != -infinity())
    for (int i = 0; i < p.parts; ++i) sum += expf(part_lse[i * count + at] - top);
  for (int c = lane; c < p.d; c += 32) {
    float value = 0.f;
    if (top != -infinity())
      for (int i = 0; i < p.parts; ++i) {
        const float weight = expf(part_lse[i * count + at] - top);
        if (weight != 0.f) value += weight * part_out[(i * count + row) * p.d + c];
      }
    out[row * p.d + c] = narrow<T>(top == -infinity() ? 0.f : value / sum);
  }
  if (lane == 0) lse[at] = top == -infinity() ? top : top + logf(sum);
}

#define ATTENTION_OF(name, T, D)                                                                                              \
  KERNEL(TILE_THREADS, attention_##name##_##D)                                                                                \
  (const T* q, const T* k, const T* v, AttentionPlaces places, T* out, float* lse, float* part_out, float* part_lse, AttentionShape p) { \
    attention<T, D>(q, k, v, places, out, lse, part_out, part_lse, p);                                                        \
  }                                                                                                                           \
  REGISTER(attention_##name##_##D)
#define ATTENTION(name, T)                                                                                                    \
  ATTENTION_OF(name, T, 64)                                                                                                   \
  ATTENTION_OF(name, T, 128)                                                                                                  \
  KERNEL(TILE_THREADS, join_parts_##name)                                                                                     \
  (const float* part_out, const float* part_lse, T* out, float* lse, u64 count, AttentionShape p) {                           \
    join_parts(part_out, part_lse, out, lse, count, p);                                                                       \
  }                                                                                                                           \
  REGISTER(join_parts_##name)
EACH_HALF(ATTENTION)
