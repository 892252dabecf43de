// What kernels are written against, and the only file that knows what they run on. Under NVRTC it
// is a thin layer of inline PTX, with no header of the toolkit; elsewhere `emulate.h` (in the crate
// of the emulator) offers the same on a processor.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

// 16-bit floating-point numbers: bits, which `wide` turns into f32 and `narrow` makes of it.
struct bf16 {
  u16 bits;
};
struct f16 {
  u16 bits;
};

#ifdef __CUDACC__

#define DEVICE static __device__ __forceinline__
#define KERNEL(threads, name) extern "C" __global__ void __launch_bounds__(threads) name
#define REGISTER(name)
#define UNROLL _Pragma("unroll")
#define PRAGMA(text) _Pragma(#text)
// Unrolls a loop so many times.
#define UNROLL_BY(times) PRAGMA(unroll times)
// Shared memory whose size the launch gives, aligned to 16 bytes.
#define DYNAMIC_SHARED(name)              \
  extern __shared__ uint4 dynamic_shared_[]; \
  u8* name = (u8*)dynamic_shared_
// `count` elements of shared memory.
#define SHARED(type, name, count) __shared__ type name[count]

DEVICE float bits_to_f32(u32 bits) { return __uint_as_float(bits); }
DEVICE u32 f32_to_bits(float x) { return __float_as_uint(x); }

DEVICE float wide(bf16 x) { return bits_to_f32((u32)x.bits << 16); }
DEVICE float wide(f16 x) {
  float r;
  asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(x.bits));
  return r;
}
DEVICE bf16 to_bf16(float x) {
  bf16 r;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(r.bits) : "f"(x));
  return r;
}
DEVICE f16 to_f16(float x) {
  f16 r;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r.bits) : "f"(x));
  return r;
}
// Two numbers in one register, the first in the low half.
DEVICE u32 pack(float low, float high, bf16) {
  u32 r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}
DEVICE u32 pack(float low, float high, f16) {
  u32 r;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}

// Exchanges within a warp, all of whose 32 threads take part.
template <class T>
DEVICE T shuffle_xor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}
template <class T>
DEVICE T shuffle(T value, int lane) {
  return __shfl_sync(0xffffffffu, value, lane);
}
DEVICE u32 ballot(bool condition) { return __ballot_sync(0xffffffffu, condition); }
DEVICE u32 lowest_bit(u32 mask) { return __ffs(mask) - 1; }

// 2^x, to the last few bits.
DEVICE float exp2_fast(float x) {
  float r;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}

DEVICE u32 shared_address(const void* pointer) { return (u32)__cvta_generic_to_shared(pointer); }
// Copies 16 bytes to shared memory behind the thread's back, or zeroes where `valid` does not hold.
DEVICE void copy_async(void* to, const void* from, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(valid ? 16 : 0)
               : "memory");
}
DEVICE void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until all but the last N groups of copies of this thread are done.
template <int N>
DEVICE void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

// Four 8 x 8 matrices of 16-bit numbers, of which each thread names a row.
DEVICE void load_matrices(u32 (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
DEVICE void load_matrices_transposed(u32 (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
// c += a b, with a of 16 x 16, b of 16 x 8 and sums in f32.
DEVICE void multiply_add(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1, bf16) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
DEVICE void multiply_add(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1, f16) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

#else
#include "emulate.h"
#endif

DEVICE float wide(float x) { return x; }

template <class T>
struct Narrow;
template <>
struct Narrow<float> {
  DEVICE float of(float x) { return x; }
};
template <>
struct Narrow<bf16> {
  DEVICE bf16 of(float x) { return to_bf16(x); }
};
template <>
struct Narrow<f16> {
  DEVICE f16 of(float x) { return to_f16(x); }
};
// A number in the type of a tensor.
template <class T>
DEVICE T narrow(float x) {
  return Narrow<T>::of(x);
}

// N neighbours, which one instruction loads or stores.
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T at[N];
};
// Numbers of type T in 16 bytes.
template <class T>
struct Lanes {
  static constexpr int count = 16 / sizeof(T);
};

DEVICE float infinity() { return bits_to_f32(0x7f800000u); }
DEVICE float not_a_number() { return bits_to_f32(0x7fc00000u); }
DEVICE bool is_nan(float x) { return x != x; }
// The greater of two numbers, or NaN if one of them is.
DEVICE float maximum(float a, float b) { return is_nan(a) || a > b ? a : b; }
DEVICE float minimum(float a, float b) { return is_nan(a) || a < b ? a : b; }
template <class T>
DEVICE T smaller(T a, T b) {
  return a < b ? a : b;
}
template <class T>
DEVICE T larger(T a, T b) {
  return a > b ? a : b;
}

struct Sum {
  template <class T>
  DEVICE T of(T a, T b) {
    return a + b;
  }
};
struct Greatest {
  DEVICE float of(float a, float b) { return maximum(a, b); }
};

// What all 32 threads of a warp get of their values.
template <class F, class T>
DEVICE T warp_reduce(T value) {
  UNROLL for (int offset = 16; offset > 0; offset >>= 1) value = F::of(value, shuffle_xor(value, offset));
  return value;
}
// What all threads of a block get of their values; `none` changes nothing.
template <int THREADS, class F, class T>
DEVICE T block_reduce(T value, T none) {
  SHARED(T, partial, THREADS / 32);
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  value = warp_reduce<F>(value);
  __syncthreads();  // Somebody may still read the sums of the call before.
  if (lane == 0) partial[warp] = value;
  __syncthreads();
  return warp_reduce<F>(lane < THREADS / 32 ? partial[lane] : none);
}

// The first bad value that a kernel met, which the host looks at when it reads: a code, and the
// value.
struct Status {
  u32 code;
  u32 place;
  i64 value;
};
constexpr u32 BAD_ID = 1, BAD_TARGET = 2;
DEVICE void report(Status* status, u32 code, u64 place, i64 value) {
  // Whoever comes last is kept: which of several bad values that is does not matter.
  *status = Status{code, (u32)place, value};
}

// Element `index` of a uniform tensor with `seed`, in 0..2^24.
// The place of an element in the sequence of random numbers, of which `run` elements stand side by side.
DEVICE u64 uniform_place(u64 run, u64 index) { return ((index / run) << 32) + index % run; }

DEVICE u32 uniform_bits(u64 seed, u64 index) {
  u64 z = seed + (index + 1) * 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return (u32)((z ^ (z >> 31)) >> 40);
}

// Makes one kernel for each floating-point type.
#define EACH_FLOAT(MAKE) \
  MAKE(f32, float)       \
  MAKE(bf16, bf16)       \
  MAKE(f16, f16)
#define EACH_HALF(MAKE) \
  MAKE(bf16, bf16)      \
  MAKE(f16, f16)
