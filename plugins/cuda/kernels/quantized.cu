// Weights in blocks of 32 numbers with one scale. On the device the integers of all blocks stand
// first, then all scales, so that both are aligned: `q8_0` has 32 bytes a block, `q4_0` 16, whose
// byte i holds number i in its low and i + 16 in its high half.
#include "device.h"

constexpr int THREADS = 256, BLOCK = 32;

struct Q8 {
  static constexpr int bytes = 32;
};
struct Q4 {
  static constexpr int bytes = 16;
};
DEVICE int integer(const u8* block, int i, Q8) { return (signed char)block[i]; }
DEVICE int integer(const u8* block, int i, Q4) { return i < 16 ? (block[i] & 15) - 8 : (block[i - 16] >> 4) - 8; }
DEVICE float scale_of(const f16* scales, u64 block) {
  const float s = wide(scales[block]);
  return s - s == 0.f ? s : not_a_number();
}

// A thread a block.
template <class Q, class T>
DEVICE void dequantize(const u8* integers, const f16* scales, T* y, u64 blocks) {
  const u64 b = (u64)blockIdx.x * THREADS + threadIdx.x;
  if (b >= blocks) return;
  const float scale = scale_of(scales, b);
  for (int i = 0; i < BLOCK; ++i) y[b * BLOCK + i] = narrow<T>(scale * (float)integer(integers + b * Q::bytes, i, Q()));
}
// Away from zero where a number lies in the middle.
DEVICE float round_away(float x) {
  const float whole = truncf(x);
  return whole + (x - whole >= 0.5f ? 1.f : x - whole <= -0.5f ? -1.f : 0.f);
}
// As GGML rounds: q8_0 by the greatest magnitude, q4_0 by the number that has it.
template <class T>
DEVICE float extreme(const T* x) {
  float most = 0.f;
  for (int i = 0; i < BLOCK; ++i) {
    const float v = wide(x[i]);
    if (!(v - v == 0.f)) return not_a_number();
    if (fabsf(v) > fabsf(most)) most = v;
  }
  return most;
}
template <class T>
DEVICE void quantize(const T* x, u8* integers, f16* scales, u64 blocks, Q8) {
  const u64 b = (u64)blockIdx.x * THREADS + threadIdx.x;
  if (b >= blocks) return;
  const float scale = fabsf(extreme(x + b * BLOCK)) / 127.f, inverse = scale == 0.f ? 0.f : 1.f / scale;
  scales[b] = to_f16(scale);
  for (int i = 0; i < BLOCK; ++i) {
    const float v = round_away(wide(x[b * BLOCK + i]) * inverse);
    integers[b * 32 + i] = (u8)(signed char)(is_nan(v) ? 0 : (int)v);
  }
}
template <class T>
DEVICE void quantize(const T* x, u8* integers, f16* scales, u64 blocks, Q4) {
  const u64 b = (u64)blockIdx.x * THREADS + threadIdx.x;
  if (b >= blocks) return;
  const float scale = extreme(x + b * BLOCK) / -8.f, inverse = scale == 0.f ? 0.f : 1.f / scale;
  scales[b] = to_f16(scale);
  auto half = [&](int i) {
    const float v = wide(x[b * BLOCK + i]) * inverse + 8.5f;
    return is_nan(v) || v < 0.f ? 0u : (u32)smaller(v, 15.f);
  };
  for (int i = 0; i < 16; ++i) integers[b * 16 + i] = (u8)(half(i) | half(i + 16) << 4);
}

DEVICE i64 id_at(const void* ids, u64 i, int wide_ids) { return wide_ids ? ((const i64*)ids)[i] : (i64)((const u32*)ids)[i]; }
// Rows of d numbers in f32.
template <class Q>
DEVICE void quantized_rows(const u8* integers, const f16* scales, const void* ids, float* y, u64 count, i64 rows, u64 d, int wide_ids,
                           Status* status) {
  const u64 i = (u64)blockIdx.x * THREADS + threadIdx.x;
  if (i >= count * d) return;
  const u64 place = i / d, column = i - place * d;
  const i64 id = id_at(ids, place, wide_ids);
  if (id < 0 || id >= rows) {
    y[i] = 0.f;
    if (column == 0) report(status, BAD_ID, place, id);
    return;
  }
  const u64 block = (id * d + column) / BLOCK;
  y[i] = scale_of(scales, block) * (float)integer(integers + block * Q::bytes, (int)(column % BLOCK), Q());
}

#define QUANTIZED_AS(q, Q, name, T)                                                                              \
  KERNEL(THREADS, dequantize_##q##_##name)(const u8* integers, const f16* scales, T* y, u64 blocks) {            \
    dequantize<Q>(integers, scales, y, blocks);                                                                  \
  }                                                                                                              \
  REGISTER(dequantize_##q##_##name)                                                                              \
  KERNEL(THREADS, quantize_##q##_##name)(const T* x, u8* integers, f16* scales, u64 blocks) {                    \
    quantize(x, integers, scales, blocks, Q());                                                                  \
  }                                                                                                              \
  REGISTER(quantize_##q##_##name)
#define QUANTIZED(q, Q)                                                                                          \
  QUANTIZED_AS(q, Q, f32, float)                                                                                 \
  QUANTIZED_AS(q, Q, bf16, bf16)                                                                                 \
  QUANTIZED_AS(q, Q, f16, f16)                                                                                   \
  KERNEL(THREADS, rows_##q)                                                                                      \
  (const u8* integers, const f16* scales, const void* ids, float* y, u64 count, i64 rows, u64 d, int wide_ids, Status* status) { \
    quantized_rows<Q>(integers, scales, ids, y, count, rows, d, wide_ids, status);                               \
  }                                                                                                              \
  REGISTER(rows_##q)
QUANTIZED(q8_0, Q8)
QUANTIZED(q4_0, Q4)
