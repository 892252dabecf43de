// The gradient of attention without atomics: one kernel owns keys and walks over queries, one owns
// queries and walks over keys. That is seven products instead of five, but every sum has one order.
#include "tiles.h"

constexpr int BK = 64;

struct RowData {
  float lse, delta;
  int position;
};

// delta [b, h, s] = the sum of out * grad over a head: the diagonal of a product, so that it is
// added up in the order in which grad and values are multiplied. Where a query sees one key alone,
// out is its value, and nothing is left of the difference; in f16 its rounding would be seen.
template <class T, int D>
DEVICE void attention_delta(const T* out, const T* grad, float* delta, u64 count, AttentionShape p) {
  DYNAMIC_SHARED(shared);
  u8 *tile_o = shared, *tile_g = tile_o + BK * D * 2;
  const u64 row0 = (u64)blockIdx.x * BK;
  auto own = [&](const T* from, int r) -> const T* { return row0 + r < count ? from + (row0 + r) * p.d : nullptr; };
  load_tile<D, BK>(tile_o, out, p.d, [&](int r) { return own(out, r); });
  load_tile<D, BK>(tile_g, grad, p.d, [&](int r) { return own(grad, r); });
  copy_async_commit();
  copy_async_wait<0>();
  __syncthreads();
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, gi = lane >> 2, ti = lane & 3;
  float d[2][4];
  clear(d);
  UNROLL for (int c = 0; c < D / 16; ++c) {
    u32 fg[4], f[4];
    load_left<D>(fg, tile_g, warp * 16, c * 16);
    load_right<D>(f, tile_o, warp * 16, c * 16);
    multiply_add(d[0], fg, f[0], f[1], T());
    multiply_add(d[1], fg, f[2], f[3], T());
  }
  if (ti != (gi >> 1)) return;
  UNROLL for (int i = 0; i < 2; ++i) {
    const u64 row = row0 + warp * 16 + gi + i * 8;
    if (row >= count) continue;
    const u64 head = row % p.h, token = row / p.h;
    delta[(token / p.s * p.h + head) * p.s + token % p.s] = (gi & 1) ? d[i][2 * i + 1] : d[i][2 * i];
  }
}

// BQ rows of queries and of the gradient at a time.
template <class T, int D, int BQ>
DEVICE void attention_keys(const T* q, const T* k, const T* v, AttentionPlaces places, const T* grad, const float* lse, const float* delta,
                           T* dk, T* dv, AttentionShape p) {
  DYNAMIC_SHARED(shared);
  u8 *tile_k = shared, *tile_v = tile_k + BK * D * 2, *tile_q = tile_v + BK * D * 2, *tile_g = tile_q + 2 * BQ * D * 2;
  RowData* data = (RowData*)(tile_g + 2 * BQ * D * 2);
  const Group group = {p.h / p.g, (int)blockIdx.y, (int)blockIdx.z};
  const Row where = Row::of(places, p, group.b);
  const int key0 = blockIdx.x * BK, key_end = smaller(smaller(key0 + BK, p.t), where.end);
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, gi = lane >> 2, ti = lane & 3;
  const Range watching = watching_queries(where, p, key0, smaller(key0 + BK, p.t) - 1);
  const int row0 = watching.begin * group.size, row_end = watching.end * group.size, tiles = (row_end - row0 + BQ - 1) / BQ;

  // Keys outside the span are zeroes: they may be anything.
  auto own = [&](const T* from, int r) -> const T* {
    const int key = key0 + r;
    return key >= where.start && key < key_end ? from + key_row(group, p, key) * p.d : nullptr;
  };
  load_tile<D, BK>(tile_k, k, p.d, [&](int r) { return own(k, r); });
  load_tile<D, BK>(tile_v, v, p.d, [&](int r) { return own(v, r); });
  auto load = [&](int j, int stage) {
    auto row_of = [&](const T* from, int r) -> const T* {
      const int row = row0 + j * BQ + r;
      return row < row_end ? from + query_row(group, p, row) * p.d : nullptr;
    };
    load_tile<D, BQ>(tile_q + stage * BQ * D * 2, q, p.d, [&](int r) { return row_of(q, r); });
    load_tile<D, BQ>(tile_g + stage * BQ * D * 2, grad, p.d, [&](int r) { return row_of(grad, r); });
    for (int i = threadIdx.x; i < BQ; i += TILE_THREADS) {
      const int row = row0 + j * BQ + i;
      if (row < row_end) {
        const u64 at = lse_place(group, p, row);
        data[stage * BQ + i] = RowData{lse[at] * LOG2_E, delta[at], query_position(where, row / group.size)};
      } else {
        data[stage * BQ + i] = RowData{0.f, 0.f, HIDDEN};
      }
    }
    copy_async_commit();
  };

  int place[2];
  UNROLL for (int i = 0; i < 2; ++i) {
    const int key = key0 + warp * 16 + gi + i * 8;
    place[i] = key < p.t ? key_position(where, key) : HIDDEN;
  }
  float sum_k[D / 8][4], sum_v[D / 8][4];
  clear(sum_k);
  clear(sum_v);
  const float scale = p.scale * LOG2_E;
  if (tiles > 0) load(0, 0);
  for (int j = 0; j < tiles; ++j) {
    const int stage = j & 1;
    if (j + 1 < tiles) {
      load(j + 1, stage ^ 1);
      copy_async_wait<1>();
    } else {
      copy_async_wait<0>();
    }
    __syncthreads();
    u8 *tq = tile_q + stage * BQ * D * 2, *tg = tile_g + stage * BQ * D * 2;
    float s[BQ / 8][4], d[BQ / 8][4];
    clear(s);
    clear(d);
    UNROLL for (int c = 0; c < D / 16; ++c) {
      u32 fk[4], fv[4], f[4];
      load_left<D>(fk, tile_k, warp * 16, c * 16);
      load_left<D>(fv, tile_v, warp * 16, c * 16);
      UNROLL for (int n = 0; n < BQ / 16; ++n) {
        load_right<D>(f, tq, n * 16, c * 16);
        multiply_add(s[2 * n], fk, f[0], f[1], T());
        multiply_add(s[2 * n + 1], fk, f[2], f[3], T());
        load_right<D>(f, tg, n * 16, c * 16);
        multiply_add(d[2 * n], fv, f[0], f[1], T());
        multiply_add(d[2 * n + 1], fv, f[2], f[3], T());
      }
    }
    const int first_row = row0 + j * BQ, last_row = first_row + BQ - 1;
    const bool all = last_row < row_end && key0 + BK <= p.t &&
                     all_see(where, p, first_row / group.size, last_row / group.size, key0, key0 + BK - 1);
    UNROLL for (int n = 0; n < BQ / 8; ++n) UNROLL for (int i = 0; i < 4; ++i) {
      const RowData row = data[stage * BQ + n * 8 + ti * 2 + (i & 1)];
      const bool seen = all || (row.position != HIDDEN && sees(p, row.position, place[i >> 1]));
      const float e = seen ? exp2_fast(s[n][i] * scale - row.lse) : 0.f;
      d[n][i] = seen ? e * (d[n][i] - row.delta) : 0.f;
      s[n][i] = e;
    }
    UNROLL for (int c = 0; c < BQ / 16; ++c) {
      u32 fp[4], fd[4], f[4];
      as_left<T>(fp, s[2 * c], s[2 * c + 1]);
      as_left<T>(fd, d[2 * c], d[2 * c + 1]);
      UNROLL for (int n = 0; n < D / 16; ++n) {
        load_right_rows<D>(f, tg, c * 16, n * 16);
        multiply_add(sum_v[2 * n], fp, f[0], f[1], T());
        multiply_add(sum_v[2 * n + 1], fp, f[2], f[3], T());
        load_right_rows<D>(f, tq, c * 16, n * 16);
        multiply_add(sum_k[2 * n], fd, f[0], f[1], T());
        multiply_add(sum_k[2 * n + 1], fd, f[2], f[3], T());
      }
    }
    __syncthreads();
  }
  copy_async_wait<0>();  // Keys that no query watches were loaded all the same.
  UNROLL for (int i = 0; i < 2; ++i) {
    const int key = key0 + warp * 16 + gi + i * 8;
    if (key >= p.t) continue;
    UNROLL for (int n = 0; n < D / 8; ++n) {
      if (n * 8 >= p.d) continue;
      const u64 to = key_row(group, p, key) * p.d + n * 8 + ti * 2;
      *(u32*)(dk + to) = pack(sum_k[n][2 * i] * p.scale, sum_k[n][2 * i + 1] * p.scale, T());
      *(u32*)(dv + to) = pack(sum_v[n][2 * i], sum_v[n][2 * i + 1], T());
    }
  }
}

template <class T, int D, int BQ>
DEVICE void attention_queries(const T* q, const T* k, const T* v, AttentionPlaces places, const T* grad, const float* lse,
                              const float* delta, T* dq, AttentionShape p) {
  DYNAMIC_SHARED(shared);
  u8 *tile_q = shared, *tile_g = tile_q + BQ * D * 2, *tile_k = tile_g + BQ * D * 2, *tile_v = tile_k + 2 * BK * D * 2;
  int* positions = (int*)(tile_v + 2 * BK * D * 2);
  const Group group = {p.h / p.g, (int)blockIdx.y, (int)blockIdx.z};
  const Row where = Row::of(places, p, group.b);
  const int rows = p.s * group.size, row0 = blockIdx.x * BQ, last_row = smaller(row0 + BQ, rows) - 1;
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, gi = lane >> 2, ti = lane & 3;
  const Range seen = visible_keys(where, p, row0 / group.size, last_row / group.size);
  const int tiles = (seen.end - seen.begin + BK - 1) / BK;

  auto own = [&](const T* from, int r) -> const T* {
    return row0 + r < rows ? from + query_row(group, p, row0 + r) * p.d : nullptr;
  };
  load_tile<D, BQ>(tile_q, q, p.d, [&](int r) { return own(q, r); });
  load_tile<D, BQ>(tile_g, grad, p.d, [&](int r) { return own(grad, r); });
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
  float own_lse[2], own_delta[2];
  UNROLL for (int i = 0; i < 2; ++i) {
    const int r = row0 + warp * 16 + gi + i * 8;
    const u64 at = r < rows ? lse_place(group, p, r) : 0;
    place[i] = r < rows ? query_position(where, r / group.size) : 0;
    own_lse[i] = r < rows ? lse[at] * LOG2_E : 0.f;
    own_delta[i] = r < rows ? delta[at] : 0.f;
  }
  float sum[D / 8][4];
  clear(sum);
  const float scale = p.scale * LOG2_E;
  if (tiles > 0) load(0, 0);
  for (int j = 0; j < tiles; ++j) {
    const int stage = j & 1;
    if (j + 1 < tiles) {
      load(j + 1, stage ^ 1);
      copy_async_wait<1>();
    } else {
      copy_async_wait<0>();
    }
    __syncthreads();
    u8 *tk = tile_k + stage * BK * D * 2, *tv = tile_v + stage * BK * D * 2;
    float s[BK / 8][4], d[BK / 8][4];
    clear(s);
    clear(d);
    UNROLL for (int c = 0; c < D / 16; ++c) {
      u32 fq[4], fg[4], f[4];
      load_left<D>(fq, tile_q, warp * 16, c * 16);
      load_left<D>(fg, tile_g, warp * 16, c * 16);
      UNROLL for (int n = 0; n < BK / 16; ++n) {
        load_right<D>(f, tk, n * 16, c * 16);
        multiply_add(s[2 * n], fq, f[0], f[1], T());
        multiply_add(s[2 * n + 1], fq, f[2], f[3], T());
        load_right<D>(f, tv, n * 16, c * 16);
        multiply_add(d[2 * n], fg, f[0], f[1], T());
        multiply_add(d[2 * n + 1], fg, f[2], f[3], T());
      }
    }
    const int key0 = seen.begin + j * BK;
    const bool all = all_see(where, p, row0 / group.size, last_row / group.size, key0, key0 + BK - 1);
    UNROLL for (int n = 0; n < BK / 8; ++n) UNROLL for (int i = 0; i < 4; ++i) {
      const int key = positions[stage * BK + n * 8 + ti * 2 + (i & 1)];
      const bool visible = all || sees(p, place[i >> 1], key);
      d[n][i] = visible ? exp2_fast(s[n][i] * scale - own_lse[i >> 1]) * (d[n][i] - own_delta[i >> 1]) : 0.f;
    }
    UNROLL for (int c = 0; c < BK / 16; ++c) {
      u32 fd[4], f[4];
      as_left<T>(fd, d[2 * c], d[2 * c + 1]);
      UNROLL for (int n = 0; n < D / 16; ++n) {
        load_right_rows<D>(f, tk, c * 16, n * 16);
        multiply_add(sum[2 * n], fd, f[0], f[1], T());
        multiply_add(sum[2 * n + 1], fd, f[2], f[3], T());
      }
    }
    __syncthreads();
  }
  copy_async_wait<0>();
  UNROLL for (int i = 0; i < 2; ++i) {
    const int row = row0 + warp * 16 + gi + i * 8;
    if (row >= rows) continue;
    UNROLL for (int n = 0; n < D / 8; ++n)
      if (n * 8 < p.d)
        *(u32*)(dq + query_row(group, p, row) * p.d + n * 8 + ti * 2) = pack(sum[n][2 * i] * p.scale, sum[n][2 * i + 1] * p.scale, T());
  }
}

#define BACKWARD_OF(name, T, D, BQ)                                                                                              \
  KERNEL(TILE_THREADS, attention_delta_##name##_##D)                                                                             \
  (const T* out, const T* grad, float* delta, u64 count, AttentionShape p) {                                                     \
    attention_delta<T, D>(out, grad, delta, count, p);                                                                           \
  }                                                                                                                              \
  REGISTER(attention_delta_##name##_##D)                                                                                         \
  KERNEL(TILE_THREADS, attention_keys_##name##_##D)                                                                              \
  (const T* q, const T* k, const T* v, AttentionPlaces places, const T* grad, const float* lse, const float* delta, T* dk, T* dv, \
   AttentionShape p) {                                                                                                           \
    attention_keys<T, D, BQ>(q, k, v, places, grad, lse, delta, dk, dv, p);                                                      \
  }                                                                                                                              \
  REGISTER(attention_keys_##name##_##D)                                                                                          \
  KERNEL(TILE_THREADS, attention_queries_##name##_##D)                                                                           \
  (const T* q, const T* k, const T* v, AttentionPlaces places, const T* grad, const float* lse, const float* delta, T* dq,       \
   AttentionShape p) {                                                                                                           \
    attention_queries<T, D, 64>(q, k, v, places, grad, lse, delta, dq, p);                                                       \
  }                                                                                                                              \
  REGISTER(attention_queries_##name##_##D)
#define BACKWARD(name, T)      \
  BACKWARD_OF(name, T, 64, 64) \
  BACKWARD_OF(name, T, 128, 32)
EACH_HALF(BACKWARD)
