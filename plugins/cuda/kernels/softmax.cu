// Softmax of rows, and the cross-entropy of rows of logits: a block a row.
#include "device.h"

constexpr int THREADS = 256;

template <class T>
DEVICE float row_maximum(const T* x, u64 n) {
  float top = -infinity();
  for (u64 i = threadIdx.x; i < n; i += THREADS) top = maximum(top, wide(x[i]));
  return block_reduce<THREADS, Greatest>(top, -infinity());
}
template <class T>
DEVICE float row_powers(const T* x, u64 n, float top) {
  float sum = 0.f;
  for (u64 i = threadIdx.x; i < n; i += THREADS) sum += expf(wide(x[i]) - top);
  return block_reduce<THREADS, Sum>(sum, 0.f);
}

template <class T>
DEVICE void softmax(const T* x, T* y, u64 n) {
  x += blockIdx.x * n;
  y += blockIdx.x * n;
  const float top = row_maximum(x, n), inverse = 1.f / row_powers(x, n, top);
  for (u64 i = threadIdx.x; i < n; i += THREADS) y[i] = narrow<T>(expf(wide(x[i]) - top) * inverse);
}
template <class T>
DEVICE void softmax_backward(const T* y, const T* grad, T* dx, u64 n) {
  y += blockIdx.x * n;
  grad += blockIdx.x * n;
  dx += blockIdx.x * n;
  float along = 0.f;
  for (u64 i = threadIdx.x; i < n; i += THREADS) along += wide(y[i]) * wide(grad[i]);
  along = block_reduce<THREADS, Sum>(along, 0.f);
  for (u64 i = threadIdx.x; i < n; i += THREADS) dx[i] = narrow<T>((wide(grad[i]) - along) * wide(y[i]));
}

// loss = logsumexp(logits) - logits[target], and 0 where the target is negative.
template <class T>
DEVICE void cross_entropy(const T* x, const i64* targets, float* loss, float* lse, u64 n, Status* status) {
  x += blockIdx.x * n;
  const i64 target = targets[blockIdx.x];
  const float top = row_maximum(x, n), shift = top == -infinity() ? 0.f : top;
  const float sum = logf(row_powers(x, n, shift)) + shift;
  if (threadIdx.x > 0) return;
  lse[blockIdx.x] = sum;
  loss[blockIdx.x] = 0.f;
  if (target >= (i64)n) report(status, BAD_TARGET, blockIdx.x, target);
  else if (target >= 0) loss[blockIdx.x] = sum - wide(x[target]);
}
template <class T>
DEVICE void cross_entropy_backward(const T* x, const i64* targets, const float* lse, const float* grad, T* dx, u64 n, Status* status) {
  x += blockIdx.x * n;
  dx += blockIdx.x * n;
  const i64 target = targets[blockIdx.x];
  const float shift = lse[blockIdx.x] == -infinity() ? 0.f : lse[blockIdx.x], g = grad[blockIdx.x];
  if (target >= (i64)n && threadIdx.x == 0) report(status, BAD_TARGET, blockIdx.x, target);
  for (u64 i = threadIdx.x; i < n; i += THREADS) {
    const float p = expf(wide(x[i]) - shift) - ((i64)i == target ? 1.f : 0.f);
    dx[i] = narrow<T>(target < 0 ? 0.f : p * g);
  }
}

#define SOFTMAX(name, T)                                                                                          \
  KERNEL(THREADS, softmax_##name)(const T* x, T* y, u64 n) { softmax(x, y, n); }                                  \
  REGISTER(softmax_##name)                                                                                        \
  KERNEL(THREADS, softmax_backward_##name)(const T* y, const T* grad, T* dx, u64 n) { softmax_backward(y, grad, dx, n); } \
  REGISTER(softmax_backward_##name)                                                                               \
  KERNEL(THREADS, cross_entropy_##name)(const T* x, const i64* targets, float* loss, float* lse, u64 n, Status* status) { \
    cross_entropy(x, targets, loss, lse, n, status);                                                              \
  }                                                                                                               \
  REGISTER(cross_entropy_##name)                                                                                  \
  KERNEL(THREADS, cross_entropy_backward_##name)                                                                  \
  (const T* x, const i64* targets, const float* lse, const float* grad, T* dx, u64 n, Status* status) {           \
    cross_entropy_backward(x, targets, lse, grad, dx, n, status);                                                 \
  }                                                                                                               \
  REGISTER(cross_entropy_backward_##name)
EACH_FLOAT(SOFTMAX)
