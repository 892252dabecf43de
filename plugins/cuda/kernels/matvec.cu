// Linear maps of few rows, which the memory of the weight bounds: y [m, n] = x [m, k] weight [n,
// k]^T + bias. A warp an output feature, 32 numbers of the weight's row a thread at a time for
// weights in blocks, 16 bytes else.
#include "device.h"

constexpr int THREADS = 128, BLOCK = 32;

// A weight whose rows are of type W, N numbers at a time.
template <class W>
struct Plain {
  static constexpr int step = Lanes<W>::count;
  const W* rows;
  // Numbers i.. of row r of k numbers, as f32.
  DEVICE void read(const Plain& weight, u64 r, u64 i, u64 k, float (&to)[step]) {
    const Pack<W, step> pack = *(const Pack<W, step>*)(weight.rows + r * k + i);
    UNROLL for (int j = 0; j < step; ++j) to[j] = wide(pack.at[j]);
  }
};
// The same without vectors, for rows that are not aligned.
template <class W>
struct Single {
  static constexpr int step = 1;
  const W* rows;
  DEVICE void read(const Single& weight, u64 r, u64 i, u64 k, float (&to)[1]) { to[0] = wide(weight.rows[r * k + i]); }
};
DEVICE float finite_scale(f16 bits) {
  const float s = wide(bits);
  return s - s == 0.f ? s : not_a_number();
}
struct Q8 {
  static constexpr int step = BLOCK;
  const u8* integers;
  const f16* scales;
  DEVICE void read(const Q8& weight, u64 r, u64 i, u64 k, float (&to)[BLOCK]) {
    const u64 block = (r * k + i) / BLOCK;
    const float scale = finite_scale(weight.scales[block]);
    UNROLL for (int half = 0; half < 2; ++half) {
      const Pack<u8, 16> pack = *(const Pack<u8, 16>*)(weight.integers + block * 32 + half * 16);
      UNROLL for (int j = 0; j < 16; ++j) to[half * 16 + j] = scale * (float)(signed char)pack.at[j];
    }
  }
};
struct Q4 {
  static constexpr int step = BLOCK;
  const u8* integers;
  const f16* scales;
  DEVICE void read(const Q4& weight, u64 r, u64 i, u64 k, float (&to)[BLOCK]) {
    const u64 block = (r * k + i) / BLOCK;
    const float scale = finite_scale(weight.scales[block]);
    const Pack<u8, 16> pack = *(const Pack<u8, 16>*)(weight.integers + block * 16);
    UNROLL for (int j = 0; j < 16; ++j) {
      to[j] = scale * (float)((int)(pack.at[j] & 15) - 8);
      to[j + 16] = scale * (float)((int)(pack.at[j] >> 4) - 8);
    }
  }
};

// `count` numbers of a row of the input, 16 bytes at a time where there are as many.
template <class X, int COUNT>
DEVICE void read_input(const X* x, float (&to)[COUNT]) {
  constexpr int N = COUNT < Lanes<X>::count ? COUNT : Lanes<X>::count;
  UNROLL for (int j = 0; j < COUNT; j += N) {
    const Pack<X, N> pack = *(const Pack<X, N>*)(x + j);
    UNROLL for (int k = 0; k < N; ++k) to[j + k] = wide(pack.at[k]);
  }
}

template <class X, class W, int M>
DEVICE void matvec(const X* x, const W& weight, const X* bias, X* y, u64 m, u64 n, u64 k) {
  constexpr int step = W::step;
  const u64 feature = (u64)blockIdx.x * (THREADS / 32) + (threadIdx.x >> 5);
  const int lane = threadIdx.x & 31;
  if (feature >= n) return;
  float sums[M];
  UNROLL for (int r = 0; r < M; ++r) sums[r] = 0.f;
  UNROLL_BY((M == 1 ? 4 : 1)) for (u64 i = (u64)lane * step; i < k; i += 32 * step) {
    float w[step];
    W::read(weight, feature, i, k, w);
    UNROLL for (int r = 0; r < M; ++r) {
      // A row that is not there is the last one once more.
      float v[step];
      read_input(x + (M == 1 ? 0 : smaller<u64>(r, m - 1)) * k + i, v);
      UNROLL for (int j = 0; j < step; ++j) sums[r] += w[j] * v[j];
    }
  }
  UNROLL for (int r = 0; r < M; ++r) {
    const float sum = warp_reduce<Sum>(sums[r]);
    if (lane == 0 && r < (int)m) y[r * n + feature] = narrow<X>(bias ? sum + wide(bias[feature]) : sum);
  }
}

// `scales` is null for weights that are not in blocks.
#define MATVEC_OF(x_name, X, w_name, W, rows, M)                                                                       \
  KERNEL(THREADS, matvec_##x_name##_##w_name##_##rows)                                                                 \
  (const X* x, const u8* weight, const f16* scales, const X* bias, X* y, u64 m, u64 n, u64 k) {                        \
    matvec<X, W, M>(x, make_weight(weight, scales, (W*)nullptr), bias, y, m, n, k);                                    \
  }                                                                                                                    \
  REGISTER(matvec_##x_name##_##w_name##_##rows)
template <class W>
DEVICE Plain<W> make_weight(const u8* data, const f16*, Plain<W>*) {
  return {(const W*)data};
}
template <class W>
DEVICE Single<W> make_weight(const u8* data, const f16*, Single<W>*) {
  return {(const W*)data};
}
DEVICE Q8 make_weight(const u8* data, const f16* scales, Q8*) { return {data, scales}; }
DEVICE Q4 make_weight(const u8* data, const f16* scales, Q4*) { return {data, scales}; }

#define MATVEC(x_name, X, w_name, W)            \
  MATVEC_OF(x_name, X, w_name, W, single, 1)    \
  MATVEC_OF(x_name, X, w_name, W, several, 4)
#define MATVEC_PLAIN(x_name, X, w_name, W)      \
  MATVEC(x_name, X, w_name, Plain<W>)           \
  MATVEC(x_name, X, w_name##_unaligned, Single<W>)
#define MATVEC_QUANTIZED(x_name, X)             \
  MATVEC(x_name, X, q8_0, Q8)                   \
  MATVEC(x_name, X, q4_0, Q4)
MATVEC_PLAIN(f32, float, f32, float)
MATVEC_PLAIN(bf16, bf16, bf16, bf16)
MATVEC_PLAIN(f16, f16, f16, f16)
MATVEC_PLAIN(f32, float, bf16, bf16)
MATVEC_PLAIN(f32, float, f16, f16)
EACH_FLOAT(MATVEC_QUANTIZED)
