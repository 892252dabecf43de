// Functions of elements, without and with broadcasting.
#include "functions.h"
#include "layout.h"

// Runs `body` for 16 bytes of elements at a time, `n` of them from `i` on.
template <class T, class F>
DEVICE void each_pack(u64 count, F body) {
  constexpr int N = Lanes<T>::count;
  const u64 first = ((u64)blockIdx.x * THREADS + threadIdx.x) * N;
  if (first < count) body(first, (int)smaller<u64>(N, count - first));
}
// Loads up to a whole pack; the pointer is aligned to 16 bytes.
template <class T, int N>
DEVICE Pack<T, N> load_pack(const T* x, int n) {
  if (n == N) return *(const Pack<T, N>*)x;
  Pack<T, N> pack = {};
  UNROLL for (int k = 0; k < N; ++k)
    if (k < n) pack.at[k] = x[k];
  return pack;
}
template <class T, int N>
DEVICE void store_pack(T* y, const Pack<T, N>& pack, int n) {
  if (n == N) {
    *(Pack<T, N>*)y = pack;
    return;
  }
  UNROLL for (int k = 0; k < N; ++k)
    if (k < n) y[k] = pack.at[k];
}

#define UNARY(name, T)                                                                                        \
  KERNEL(THREADS, unary_##name)(const T* x, T* y, u64 count, int function) {                                   \
    constexpr int N = Lanes<T>::count;                                                                         \
    each_pack<T>(count, [&](u64 i, int n) {                                                                    \
      Pack<T, N> pack = load_pack<T, N>(x + i, n);                                                             \
      UNROLL for (int k = 0; k < N; ++k) pack.at[k] = narrow<T>(apply(function, wide(pack.at[k])));            \
      store_pack<T, N>(y + i, pack, n);                                                                        \
    });                                                                                                        \
  }                                                                                                            \
  REGISTER(unary_##name)                                                                                       \
  KERNEL(THREADS, affine_##name)(const T* x, T* y, u64 count, float factor, float summand) {                   \
    constexpr int N = Lanes<T>::count;                                                                         \
    each_pack<T>(count, [&](u64 i, int n) {                                                                    \
      Pack<T, N> pack = load_pack<T, N>(x + i, n);                                                             \
      UNROLL for (int k = 0; k < N; ++k) pack.at[k] = narrow<T>(wide(pack.at[k]) * factor + summand);          \
      store_pack<T, N>(y + i, pack, n);                                                                        \
    });                                                                                                        \
  }                                                                                                            \
  REGISTER(affine_##name)
EACH_FLOAT(UNARY)

enum Operation { ADD, SUB, MUL, DIV, MAXIMUM, MINIMUM };

DEVICE float combine(int operation, float a, float b) {
  switch (operation) {
    case ADD: return a + b;
    case SUB: return a - b;
    case MUL: return a * b;
    case DIV: return a / b;
    case MAXIMUM: return maximum(a, b);
    default: return minimum(a, b);
  }
}
// Integers wrap around; division by zero is 0.
DEVICE u32 combine(int operation, u32 a, u32 b) {
  switch (operation) {
    case ADD: return a + b;
    case SUB: return a - b;
    case MUL: return a * b;
    case DIV: return b == 0 ? 0 : a / b;
    case MAXIMUM: return larger(a, b);
    default: return smaller(a, b);
  }
}
DEVICE i64 combine(int operation, i64 a, i64 b) {
  switch (operation) {
    case ADD: return (i64)((u64)a + (u64)b);
    case SUB: return (i64)((u64)a - (u64)b);
    case MUL: return (i64)((u64)a * (u64)b);
    case DIV: return b == 0 ? 0 : b == -1 ? (i64)(0 - (u64)a) : a / b;
    case MAXIMUM: return larger(a, b);
    default: return smaller(a, b);
  }
}

#define BINARY(name, T)                                                                                       \
  KERNEL(THREADS, binary_##name)(const T* a, const T* b, T* y, u64 count, int operation) {                     \
    constexpr int N = Lanes<T>::count;                                                                         \
    each_pack<T>(count, [&](u64 i, int n) {                                                                    \
      Pack<T, N> p = load_pack<T, N>(a + i, n), q = load_pack<T, N>(b + i, n);                                 \
      UNROLL for (int k = 0; k < N; ++k)                                                                       \
        p.at[k] = narrow<T>(combine(operation, wide(p.at[k]), wide(q.at[k])));                                 \
      store_pack<T, N>(y + i, p, n);                                                                           \
    });                                                                                                        \
  }                                                                                                            \
  REGISTER(binary_##name)                                                                                      \
  KERNEL(THREADS, binary_broadcast_##name)(const T* a, const T* b, T* y, Layout layout, int operation) {       \
    EACH_ELEMENT(i, layout.count) {                                                                            \
      i64 at[2];                                                                                               \
      offsets(layout, i, at);                                                                                  \
      y[i] = narrow<T>(combine(operation, wide(a[at[0]]), wide(b[at[1]])));                                    \
    }                                                                                                          \
  }                                                                                                            \
  REGISTER(binary_broadcast_##name)
EACH_FLOAT(BINARY)

#define BINARY_INTEGER(name, T)                                                                               \
  KERNEL(THREADS, binary_broadcast_##name)(const T* a, const T* b, T* y, Layout layout, int operation) {       \
    EACH_ELEMENT(i, layout.count) {                                                                            \
      i64 at[2];                                                                                               \
      offsets(layout, i, at);                                                                                  \
      y[i] = combine(operation, a[at[0]], b[at[1]]);                                                           \
    }                                                                                                          \
  }                                                                                                            \
  REGISTER(binary_broadcast_##name)
BINARY_INTEGER(i64, i64)
BINARY_INTEGER(u32, u32)

enum Relation { EQ, NE, LT, LE, GT, GE };
DEVICE i64 wide(i64 x) { return x; }
DEVICE u32 wide(u32 x) { return x; }
DEVICE u8 wide(u8 x) { return x; }
template <class T>
DEVICE u8 holds(int relation, T a, T b) {
  switch (relation) {
    case EQ: return a == b;
    case NE: return a != b;
    case LT: return a < b;
    case LE: return a <= b;
    case GT: return a > b;
    default: return a >= b;
  }
}
#define COMPARE(name, T)                                                                                      \
  KERNEL(THREADS, compare_##name)(const T* a, const T* b, u8* y, Layout layout, int relation) {                \
    EACH_ELEMENT(i, layout.count) {                                                                            \
      i64 at[2];                                                                                               \
      offsets(layout, i, at);                                                                                  \
      y[i] = holds(relation, wide(a[at[0]]), wide(b[at[1]]));                                                  \
    }                                                                                                          \
  }                                                                                                            \
  REGISTER(compare_##name)
EACH_FLOAT(COMPARE)
COMPARE(i64, i64)
COMPARE(u32, u32)
COMPARE(bool, u8)

#define SELECT(size, T)                                                                                       \
  KERNEL(THREADS, select_##size)(const u8* condition, const T* a, const T* b, T* y, Layout layout) {           \
    EACH_ELEMENT(i, layout.count) {                                                                            \
      i64 at[3];                                                                                               \
      offsets(layout, i, at);                                                                                  \
      y[i] = condition[at[0]] ? a[at[1]] : b[at[2]];                                                           \
    }                                                                                                          \
  }                                                                                                            \
  REGISTER(select_##size)
SELECT(1, u8)
SELECT(2, u16)
SELECT(4, u32)
SELECT(8, u64)
