// Root-mean-square and layer normalisation, with or without a residual connection before: a block a
// row.
//
// With n the normalised input and c = grad * weight: dx = (c - [mean(c)] - n mean(c n)) / deviation
// and dweight = sum(grad n); the term in brackets is layer normalisation's alone.
#include "rows.h"

struct Moments {
  float mean, inverse;
};

// The mean (0 for a root-mean-square) and one over the deviation of a row.
template <class T, int N, bool LAYER>
DEVICE Moments moments(const T* x, u64 d, float eps) {
  float mean = 0.f, sum = 0.f;
  if (LAYER) {
    each_in_row<T, N>(x, d, [&](u64, const Pack<T, N>& p) { UNROLL for (int k = 0; k < N; ++k) mean += wide(p.at[k]); });
    mean = block_reduce<THREADS, Sum>(mean, 0.f) / (float)d;
  }
  each_in_row<T, N>(x, d, [&](u64, const Pack<T, N>& p) {
    UNROLL for (int k = 0; k < N; ++k) sum += (wide(p.at[k]) - mean) * (wide(p.at[k]) - mean);
  });
  sum = block_reduce<THREADS, Sum>(sum, 0.f) / (float)d;
  return {mean, 1.f / sqrtf(sum + eps)};
}

// `residual` and `sum` are null where there is no residual connection, `bias` where there is none.
template <class T, int N, bool LAYER>
DEVICE void norm(const T* x, const T* residual, const T* weight, const T* bias, T* sum, T* y, u64 d, float eps) {
  x += blockIdx.x * d;
  y += blockIdx.x * d;
  if (residual) {
    residual += blockIdx.x * d;
    sum += blockIdx.x * d;
    each_in_row<T, N>(x, d, [&](u64 i, Pack<T, N> p) {
      const Pack<T, N> q = pack_at<T, N>(residual, i);
      UNROLL for (int k = 0; k < N; ++k) p.at[k] = narrow<T>(wide(p.at[k]) + wide(q.at[k]));
      *(Pack<T, N>*)(sum + i) = p;
    });
    x = sum;  // Each thread reads back what it wrote itself.
  }
  const Moments m = moments<T, N, LAYER>(x, d, eps);
  each_in_row<T, N>(x, d, [&](u64 i, Pack<T, N> p) {
    const Pack<T, N> w = pack_at<T, N>(weight, i);
    UNROLL for (int k = 0; k < N; ++k) {
      float v = (wide(p.at[k]) - m.mean) * m.inverse * wide(w.at[k]);
      if (bias) v += wide(bias[i + k]);
      p.at[k] = narrow<T>(v);
    }
    *(Pack<T, N>*)(y + i) = p;
  });
}

// `own` is the gradient that reaches the row by itself, or null; `dx` or `all` are null where they
// are not wanted. `all` keeps the moments of every row, for the gradient of the weight.
template <class T, int N, bool LAYER>
DEVICE void norm_backward(const T* x, const T* weight, const T* grad, const T* own, T* dx, Moments* all, u64 d, float eps) {
  x += blockIdx.x * d;
  const Moments m = moments<T, N, LAYER>(x, d, eps);
  if (all && threadIdx.x == 0) all[blockIdx.x] = m;
  if (!dx) return;
  grad += blockIdx.x * d;
  dx += blockIdx.x * d;
  float along = 0.f, level = 0.f;
  each_in_row<T, N>(x, d, [&](u64 i, const Pack<T, N>& p) {
    const Pack<T, N> w = pack_at<T, N>(weight, i), g = pack_at<T, N>(grad, i);
    UNROLL for (int k = 0; k < N; ++k) {
      const float c = wide(g.at[k]) * wide(w.at[k]);
      level += c;
      along += c * (wide(p.at[k]) - m.mean) * m.inverse;
    }
  });
  along = block_reduce<THREADS, Sum>(along, 0.f) / (float)d;
  level = LAYER ? block_reduce<THREADS, Sum>(level, 0.f) / (float)d : 0.f;
  each_in_row<T, N>(x, d, [&](u64 i, Pack<T, N> p) {
    const Pack<T, N> w = pack_at<T, N>(weight, i), g = pack_at<T, N>(grad, i);
    const Pack<T, N> more = own ? pack_at<T, N>(own, blockIdx.x * d + i) : g;
    UNROLL for (int k = 0; k < N; ++k) {
      const float n = (wide(p.at[k]) - m.mean) * m.inverse, c = wide(g.at[k]) * wide(w.at[k]);
      float v = (c - level - n * along) * m.inverse;
      // The gradient of the norm is rounded before another is added to it, as two instructions
      // would.
      if (own) v = wide(narrow<T>(v)) + wide(more.at[k]);
      p.at[k] = narrow<T>(v);
    }
    *(Pack<T, N>*)(dx + i) = p;
  });
}

// Sums of grad * n over chunks of rows, [chunks, d]: a thread a column.
template <class T>
DEVICE void norm_weight(const T* x, const T* grad, const Moments* all, float* partial, u64 rows, u64 d, u64 chunk) {
  const u64 column = (u64)blockIdx.x * THREADS + threadIdx.x, begin = blockIdx.y * chunk, end = smaller(begin + chunk, rows);
  if (column >= d) return;
  float sum = 0.f;
  for (u64 r = begin; r < end; ++r) {
    const Moments m = all[r];
    sum += wide(grad[r * d + column]) * (wide(x[r * d + column]) - m.mean) * m.inverse;
  }
  partial[blockIdx.y * d + column] = sum;
}

#define NORM_OF(kind, layer, name, T, width, N)                                                                           \
  KERNEL(THREADS, kind##_norm_##name##_##width)                                                                           \
  (const T* x, const T* residual, const T* weight, const T* bias, T* sum, T* y, u64 d, float eps) {                       \
    norm<T, N, layer>(x, residual, weight, bias, sum, y, d, eps);                                                         \
  }                                                                                                                       \
  REGISTER(kind##_norm_##name##_##width)                                                                                  \
  KERNEL(THREADS, kind##_norm_backward_##name##_##width)                                                                  \
  (const T* x, const T* weight, const T* grad, const T* own, T* dx, Moments* all, u64 d, float eps) {                     \
    norm_backward<T, N, layer>(x, weight, grad, own, dx, all, d, eps);                                                    \
  }                                                                                                                       \
  REGISTER(kind##_norm_backward_##name##_##width)
#define NORM(name, T)                                                                                                     \
  NORM_OF(rms, false, name, T, one, 1)                                                                                    \
  NORM_OF(rms, false, name, T, pack, Lanes<T>::count)                                                                     \
  NORM_OF(layer, true, name, T, one, 1)                                                                                   \
  NORM_OF(layer, true, name, T, pack, Lanes<T>::count)                                                                    \
  KERNEL(THREADS, norm_weight_##name)                                                                                     \
  (const T* x, const T* grad, const Moments* all, float* partial, u64 rows, u64 d, u64 chunk) {                           \
    norm_weight(x, grad, all, partial, rows, d, chunk);                                                                   \
  }                                                                                                                       \
  REGISTER(norm_weight_##name)
EACH_FLOAT(NORM)
