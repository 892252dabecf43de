// Matrix products of any extents and layouts, for those that the library has no algorithm for:
// tiles of 16 x 16, sums in f32.
#include "device.h"

constexpr int TILE = 16, THREADS = TILE * TILE;

// Elements between neighbours in rows, columns and batches; the result is contiguous.
struct ProductShape {
  i64 m, n, k;
  i64 a_row, a_column, a_batch, b_row, b_column, b_batch;
  float alpha, beta;
};

template <class T>
DEVICE void product(const T* a, const T* b, const T* bias, T* d, const ProductShape& p) {
  SHARED(float, left, THREADS);
  SHARED(float, right, THREADS);
  const int row = threadIdx.x / TILE, column = threadIdx.x % TILE;
  const i64 i = (i64)blockIdx.y * TILE + row, j = (i64)blockIdx.x * TILE + column;
  a += blockIdx.z * p.a_batch;
  b += blockIdx.z * p.b_batch;
  d += blockIdx.z * p.m * p.n;
  float sum = 0.f;
  for (i64 l0 = 0; l0 < p.k; l0 += TILE) {
    left[threadIdx.x] = i < p.m && l0 + column < p.k ? wide(a[i * p.a_row + (l0 + column) * p.a_column]) : 0.f;
    right[threadIdx.x] = l0 + row < p.k && j < p.n ? wide(b[(l0 + row) * p.b_row + j * p.b_column]) : 0.f;
    __syncthreads();
    UNROLL for (int l = 0; l < TILE; ++l) sum += left[row * TILE + l] * right[l * TILE + column];
    __syncthreads();
  }
  if (i >= p.m || j >= p.n) return;
  float value = p.alpha * sum;
  if (p.beta != 0.f) value += p.beta * wide(d[i * p.n + j]);
  if (bias) value += wide(bias[j]);
  d[i * p.n + j] = narrow<T>(value);
}

#define PRODUCT(name, T)                                                                                          \
  KERNEL(THREADS, product_##name)(const T* a, const T* b, const T* bias, T* d, ProductShape p) { product(a, b, bias, d, p); } \
  REGISTER(product_##name)
EACH_FLOAT(PRODUCT)
