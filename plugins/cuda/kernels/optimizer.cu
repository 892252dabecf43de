// The sum of squares and the AdamW step of many tensors in one launch each.
#include "device.h"

constexpr int THREADS = 256, MANY = 56, BLOCK_ELEMENTS = 16384;
enum Type { F32, BF16, F16 };

DEVICE float load(const void* x, u64 i, int type) {
  switch (type) {
    case F32: return ((const float*)x)[i];
    case BF16: return wide(((const bf16*)x)[i]);
    default: return wide(((const f16*)x)[i]);
  }
}
DEVICE void store(void* x, u64 i, int type, float value) {
  switch (type) {
    case F32: ((float*)x)[i] = value; break;
    case BF16: ((bf16*)x)[i] = to_bf16(value); break;
    default: ((f16*)x)[i] = to_f16(value);
  }
}

// Tensors, each of which takes the blocks of the grid from `first` on.
struct Tensors {
  const void* data[MANY];
  u64 count[MANY];
  u32 first[MANY];
  int type[MANY];
  int tensors;
};
DEVICE int tensor_of(const u32 (&first)[MANY], int tensors, u32 block) {
  int t = 0;
  while (t + 1 < tensors && first[t + 1] <= block) ++t;
  return t;
}

// One sum a block.
KERNEL(THREADS, square_sums)(Tensors all, float* partial) {
  const int t = tensor_of(all.first, all.tensors, blockIdx.x);
  const u64 begin = (u64)(blockIdx.x - all.first[t]) * BLOCK_ELEMENTS, end = smaller<u64>(begin + BLOCK_ELEMENTS, all.count[t]);
  float sum = 0.f;
  for (u64 i = begin + threadIdx.x; i < end; i += THREADS) {
    const float x = load(all.data[t], i, all.type[t]);
    sum += x * x;
  }
  sum = block_reduce<THREADS, Sum>(sum, 0.f);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}
REGISTER(square_sums)
KERNEL(THREADS, sum_of_sums)(const float* partial, u64 count, float* y) {
  float sum = 0.f;
  for (u64 i = threadIdx.x; i < count; i += THREADS) sum += partial[i];
  sum = block_reduce<THREADS, Sum>(sum, 0.f);
  if (threadIdx.x == 0) *y = sum;
}
REGISTER(sum_of_sums)

struct Parameters {
  void* parameter[MANY];
  const void* grad[MANY];
  float* m[MANY];
  float* v[MANY];
  float* master[MANY];  // null where there is none
  u64 count[MANY];
  u32 first[MANY];
  u16 type[MANY];
  u16 grad_type[MANY];
  int tensors;
};
// `rate` is the learning rate over the first moment's correction; `unbias` one over the root of the
// second's; `keep` one less the decay of weights in this step.
struct Step {
  float beta1, beta2, eps, keep, rate, unbias;
};
KERNEL(THREADS, adamw)(Parameters all, Step step, const float* grad_scale) {
  const float scale = *grad_scale;
  if (is_nan(scale)) return;
  const int t = tensor_of(all.first, all.tensors, blockIdx.x);
  const u64 begin = (u64)(blockIdx.x - all.first[t]) * BLOCK_ELEMENTS, end = smaller<u64>(begin + BLOCK_ELEMENTS, all.count[t]);
  for (u64 i = begin + threadIdx.x; i < end; i += THREADS) {
    const float g = load(all.grad[t], i, all.grad_type[t]) * scale;
    const float m = step.beta1 * all.m[t][i] + (1.f - step.beta1) * g, v = step.beta2 * all.v[t][i] + (1.f - step.beta2) * g * g;
    const float exact = all.master[t] ? all.master[t][i] : load(all.parameter[t], i, all.type[t]);
    const float updated = exact * step.keep - m / (sqrtf(v) * step.unbias + step.eps) * step.rate;
    all.m[t][i] = m;
    all.v[t][i] = v;
    if (all.master[t]) all.master[t][i] = updated;
    store(all.parameter[t], i, all.type[t], updated);
  }
}
REGISTER(adamw)
