// Rotary embedding, gated activations, biases with an activation, dropout.
#include "functions.h"

constexpr int THREADS = 256;

// x [b, s, h, 2 half]: a thread turns N pairs. `batched` says whether each row of the batch has
// tables of its own.
template <class T, int N>
DEVICE void rope(const T* x, const float* cosines, const float* sines, T* y, u64 count, u64 s, u64 h, u64 half, int batched,
                 float direction) {
  const u64 first = ((u64)blockIdx.x * THREADS + threadIdx.x) * N;
  if (first >= count) return;
  const u64 head = first / half, i = first - head * half, token = head / h, row = batched ? token : token % s;
  const T* a = x + head * 2 * half + i;
  T* to = y + head * 2 * half + i;
  const Pack<T, N> p = *(const Pack<T, N>*)a, q = *(const Pack<T, N>*)(a + half);
  const Pack<float, N> cosine = *(const Pack<float, N>*)(cosines + row * half + i), sine = *(const Pack<float, N>*)(sines + row * half + i);
  Pack<T, N> u, v;
  UNROLL for (int k = 0; k < N; ++k) {
    const float c = cosine.at[k], d = direction * sine.at[k];
    const float left = wide(p.at[k]), right = wide(q.at[k]);
    u.at[k] = narrow<T>(left * c - right * d);
    v.at[k] = narrow<T>(right * c + left * d);
  }
  *(Pack<T, N>*)to = u;
  *(Pack<T, N>*)(to + half) = v;
}

// Where element i of a half is, in rows of n numbers that lie `stride` apart.
DEVICE u64 within(u64 i, u64 n, u64 stride) {
  if (n == stride) return i;
  const u64 row = i / n;
  return row * stride + (i - row * n);
}
template <class T, int N>
DEVICE void gated(const T* gate, const T* up, T* y, u64 count, u64 n, u64 stride, int function) {
  const u64 i = ((u64)blockIdx.x * THREADS + threadIdx.x) * N;
  if (i >= count) return;
  const u64 at = within(i, n, stride);
  Pack<T, N> p = *(const Pack<T, N>*)(gate + at);
  const Pack<T, N> q = *(const Pack<T, N>*)(up + at);
  UNROLL for (int k = 0; k < N; ++k) p.at[k] = narrow<T>(activate(function, wide(p.at[k])) * wide(q.at[k]));
  *(Pack<T, N>*)(y + i) = p;
}
template <class T, int N>
DEVICE void gated_backward(const T* gate, const T* up, const T* grad, T* dgate, T* dup, u64 count, u64 n, u64 stride, int function) {
  const u64 i = ((u64)blockIdx.x * THREADS + threadIdx.x) * N;
  if (i >= count) return;
  const u64 at = within(i, n, stride);
  Pack<T, N> p = *(const Pack<T, N>*)(gate + at), q = *(const Pack<T, N>*)(up + at);
  const Pack<T, N> g = *(const Pack<T, N>*)(grad + i);
  UNROLL for (int k = 0; k < N; ++k) {
    const float x = wide(p.at[k]), u = wide(q.at[k]), of = wide(g.at[k]);
    p.at[k] = narrow<T>(slope(function, x) * u * of);
    q.at[k] = narrow<T>(activate(function, x) * of);
  }
  *(Pack<T, N>*)(dgate + at) = p;
  *(Pack<T, N>*)(dup + at) = q;
}

template <class T, int N>
DEVICE void bias_activation(const T* x, const T* bias, T* y, u64 count, u64 n, int function) {
  const u64 i = ((u64)blockIdx.x * THREADS + threadIdx.x) * N;
  if (i >= count) return;
  Pack<T, N> p = *(const Pack<T, N>*)(x + i);
  const Pack<T, N> b = *(const Pack<T, N>*)(bias + i % n);
  UNROLL for (int k = 0; k < N; ++k) p.at[k] = narrow<T>(activate(function, wide(p.at[k]) + wide(b.at[k])));
  *(Pack<T, N>*)(y + i) = p;
}
template <class T, int N>
DEVICE void bias_backward(const T* x, const T* bias, const T* grad, T* dx, u64 count, u64 n, int function) {
  const u64 i = ((u64)blockIdx.x * THREADS + threadIdx.x) * N;
  if (i >= count) return;
  Pack<T, N> p = *(const Pack<T, N>*)(x + i);
  const Pack<T, N> b = *(const Pack<T, N>*)(bias + i % n), g = *(const Pack<T, N>*)(grad + i);
  UNROLL for (int k = 0; k < N; ++k)
    p.at[k] = narrow<T>(slope(function, wide(p.at[k]) + wide(b.at[k])) * wide(g.at[k]));
  *(Pack<T, N>*)(dx + i) = p;
}
// Sums over chunks of rows, [chunks, n]: a thread a column.
template <class T>
DEVICE void bias_sums(const T* x, const T* bias, const T* grad, float* partial, u64 rows, u64 n, u64 chunk, int function) {
  const u64 column = (u64)blockIdx.x * THREADS + threadIdx.x, begin = blockIdx.y * chunk, end = smaller(begin + chunk, rows);
  if (column >= n) return;
  const float b = wide(bias[column]);
  float sum = 0.f;
  for (u64 r = begin; r < end; ++r) sum += slope(function, wide(x[r * n + column]) + b) * wide(grad[r * n + column]);
  partial[blockIdx.y * n + column] = sum;
}

// An element is dropped where its uniform number, in 0..2^24, is below `least`.
template <class T>
DEVICE void dropout(const T* x, T* y, u64 count, u64 seed, u32 least, float scale, u64 run) {
  constexpr int N = Lanes<T>::count;
  const u64 first = ((u64)blockIdx.x * THREADS + threadIdx.x) * N;
  if (first + N <= count) {
    Pack<T, N> pack = *(const Pack<T, N>*)(x + first);
    // One division for all.
    u64 row = first / run, at = first % run;
    UNROLL for (int k = 0; k < N; ++k) {
      pack.at[k] = narrow<T>(uniform_bits(seed, (row << 32) + at) < least ? 0.f : wide(pack.at[k]) * scale);
      if (++at == run) ++row, at = 0;
    }
    *(Pack<T, N>*)(y + first) = pack;
    return;
  }
  for (u64 i = first; i < count; ++i)
    y[i] = narrow<T>(uniform_bits(seed, uniform_place(run, i)) < least ? 0.f : wide(x[i]) * scale);
}

#define BLOCKS_OF(name, T, width, N)                                                                                       \
  KERNEL(THREADS, rope_##name##_##width)                                                                                   \
  (const T* x, const float* cosines, const float* sines, T* y, u64 count, u64 s, u64 h, u64 half, int batched, float direction) { \
    rope<T, N>(x, cosines, sines, y, count, s, h, half, batched, direction);                                               \
  }                                                                                                                        \
  REGISTER(rope_##name##_##width)                                                                                          \
  KERNEL(THREADS, gated_##name##_##width)                                                                                  \
  (const T* gate, const T* up, T* y, u64 count, u64 n, u64 stride, int function) {                                         \
    gated<T, N>(gate, up, y, count, n, stride, function);                                                                  \
  }                                                                                                                        \
  REGISTER(gated_##name##_##width)                                                                                         \
  KERNEL(THREADS, gated_backward_##name##_##width)                                                                         \
  (const T* gate, const T* up, const T* grad, T* dgate, T* dup, u64 count, u64 n, u64 stride, int function) {              \
    gated_backward<T, N>(gate, up, grad, dgate, dup, count, n, stride, function);                                          \
  }                                                                                                                        \
  REGISTER(gated_backward_##name##_##width)                                                                                \
  KERNEL(THREADS, bias_activation_##name##_##width)                                                                        \
  (const T* x, const T* bias, T* y, u64 count, u64 n, int function) {                                                      \
    bias_activation<T, N>(x, bias, y, count, n, function);                                                                 \
  }                                                                                                                        \
  REGISTER(bias_activation_##name##_##width)                                                                               \
  KERNEL(THREADS, bias_backward_##name##_##width)                                                                          \
  (const T* x, const T* bias, const T* grad, T* dx, u64 count, u64 n, int function) {                                      \
    bias_backward<T, N>(x, bias, grad, dx, count, n, function);                                                            \
  }                                                                                                                        \
  REGISTER(bias_backward_##name##_##width)
#define BLOCKS(name, T)                                                                                                    \
  BLOCKS_OF(name, T, one, 1)                                                                                               \
  BLOCKS_OF(name, T, pack, Lanes<T>::count)                                                                                \
  KERNEL(THREADS, bias_sums_##name)                                                                                        \
  (const T* x, const T* bias, const T* grad, float* partial, u64 rows, u64 n, u64 chunk, int function) {                   \
    bias_sums(x, bias, grad, partial, rows, n, chunk, function);                                                           \
  }                                                                                                                        \
  REGISTER(bias_sums_##name)                                                                                               \
  KERNEL(THREADS, dropout_##name)(const T* x, T* y, u64 count, u64 seed, u32 least, float scale, u64 run) {                \
    dropout(x, y, count, seed, least, scale, run);                                                                         \
  }                                                                                                                        \
  REGISTER(dropout_##name)
EACH_FLOAT(BLOCKS)
