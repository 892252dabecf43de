// A block of a GPU on a processor: every thread is a fiber that runs until a barrier or an exchange
// within its warp. One order of threads at a time, so that results repeat; the order of warps is a
// parameter, so that a missing barrier shows as a result that depends on it. Shared memory starts
// as NaN in every block, and asynchronous copies land when they are waited for, or at once.
#pragma once
#include <sys/mman.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#define DEVICE static inline
#define KERNEL(threads, name) static void name
#define UNROLL
#define UNROLL_BY(times)
#define DYNAMIC_SHARED(name) u8* name = emulation::block->shared.data()
#define SHARED(type, name, count)                                \
  static thread_local emulation::Static<type, count> name##_; \
  type(&name)[count] = name##_.elements

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};
struct alignas(16) uint4 {
  u32 x, y, z, w;
};
struct alignas(8) uint2 {
  u32 x, y;
};

namespace emulation {

extern "C" void emulation_switch(void** save, void* load);

enum State { Ready, AtWarp, AtBlock, Done };
struct Copy {
  void* to;
  const void* from;
  bool valid;
};
struct Lane {
  void* stack;
  dim3 index;
  State state;
  int number;
  unsigned exchanges;
  std::vector<Copy> copies;        // not landed yet, oldest first
  std::vector<size_t> groups;      // where each committed group ends in `copies`
};
struct Warp {
  int waiting = 0;
  u64 slots[2][32][8];
};
// Static shared memory, which is NaN at the start of every block.
struct Region {
  void* start;
  size_t bytes;
};
std::vector<Region>& regions();
struct Block {
  dim3 index, size, grid;
  std::vector<u8> shared;
  std::vector<Lane> lanes;
  std::vector<Warp> warps;
  void* caller;
  char* stacks = nullptr;
  size_t stack_count = 0;
  void (*kernel)(void**);
  void** arguments;
};
extern thread_local Block* block;
extern thread_local Lane* lane;
// Whether asynchronous copies land at once, and not when they are waited for: a card may do either.
extern thread_local bool eager;

template <class T, int N>
struct Static {
  alignas(16) T elements[N];
  Static() {
    memset((void*)elements, 0xff, sizeof elements);
    regions().push_back({(void*)elements, sizeof elements});
  }
};

void yield(State state);
// A barrier among all lanes of a warp that have not returned; the exchanges below are built on it.
void warp_barrier();

// Every lane puts a value in, and then sees all of them.
template <class T>
struct Gathered {
  u64 (*slot)[8];
  const T& operator[](int i) const { return *reinterpret_cast<const T*>(slot[i & 31]); }
};
template <class T>
inline Gathered<T> gather(const T& value) {
  static_assert(sizeof(T) <= 64);
  auto slot = block->warps[lane->number / 32].slots[lane->exchanges++ & 1];
  memcpy(slot[lane->number & 31], &value, sizeof(T));
  warp_barrier();
  return {slot};
}

struct Entry {
  void (*run)(void**);
  std::vector<u32> sizes;
};
std::map<std::string, Entry>& kernels();
template <auto Function, class... A, size_t... I>
inline void call(void** arguments, void (*)(A...), std::index_sequence<I...>) {
  Function(*(std::remove_reference_t<A>*)arguments[I]...);
}
template <auto Function>
struct Run {
  template <class... A>
  static Entry entry(void (*)(A...)) {
    return {[](void** arguments) { call<Function>(arguments, (void (*)(A...))nullptr, std::index_sequence_for<A...>{}); },
            {(u32)sizeof(A)...}};
  }
};
}  // namespace emulation
#define REGISTER(name) \
  static const bool registered_##name = (emulation::kernels()[#name] = emulation::Run<name>::entry(name), true);

#define threadIdx (emulation::lane->index)
#define blockIdx (emulation::block->index)
#define blockDim (emulation::block->size)
#define gridDim (emulation::block->grid)

inline void __syncthreads() { emulation::yield(emulation::AtBlock); }
inline void __syncwarp() { emulation::warp_barrier(); }
// Fibers are not preempted, so that a plain operation is atomic.
template <class T>
inline T atomicAdd(T* at, T value) {
  T before = *at;
  *at += value;
  return before;
}

DEVICE float bits_to_f32(u32 bits) {
  float f;
  memcpy(&f, &bits, 4);
  return f;
}
DEVICE u32 f32_to_bits(float f) {
  u32 bits;
  memcpy(&bits, &f, 4);
  return bits;
}
DEVICE float wide(bf16 x) { return bits_to_f32((u32)x.bits << 16); }
DEVICE float wide(f16 x) {
  const u32 sign = (x.bits & 0x8000u) << 16, rest = x.bits & 0x7fffu;
  const float magnitude = bits_to_f32(rest << 13) * bits_to_f32((127u + 112u) << 23);
  if (rest >= 0x7c00u) return bits_to_f32(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
  return bits_to_f32(f32_to_bits(magnitude) | sign);
}
DEVICE bf16 to_bf16(float f) {
  const u32 bits = f32_to_bits(f);
  return {(u16)(f != f ? 0x7fffu : (bits + 0x7fffu + (bits >> 16 & 1)) >> 16)};
}
DEVICE f16 to_f16(float f) {
  const u32 bits = f32_to_bits(f), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (f != f) return {0x7fff};
  if (magnitude >= 0x477ff000u) return {(u16)(sign | 0x7c00u)};  // 65520 and more round to infinity
  if (magnitude < 0x38800000u) {                                 // below 2^-14: multiples of 2^-24
    const float steps = std::nearbyintf(bits_to_f32(magnitude) * 16777216.f);
    return {(u16)(sign | (u32)steps)};
  }
  const u32 rounded = magnitude + 0xfffu + (magnitude >> 13 & 1);
  return {(u16)(sign | ((rounded - (112u << 23)) >> 13))};
}
DEVICE u32 pack(float low, float high, bf16) { return to_bf16(low).bits | (u32)to_bf16(high).bits << 16; }
DEVICE u32 pack(float low, float high, f16) { return to_f16(low).bits | (u32)to_f16(high).bits << 16; }

template <class T>
DEVICE T shuffle_xor(T value, int mask) {
  auto all = emulation::gather(value);
  return all[(emulation::lane->number & 31) ^ mask];
}
template <class T>
DEVICE T shuffle(T value, int from) {
  auto all = emulation::gather(value);
  return all[from];
}
DEVICE u32 ballot(bool condition) {
  auto all = emulation::gather(condition);
  u32 mask = 0;
  for (int i = 0; i < 32; ++i) mask |= (u32)all[i] << i;
  return mask;
}
DEVICE u32 lowest_bit(u32 mask) { return __builtin_ffs(mask) - 1; }
DEVICE float exp2_fast(float x) { return exp2f(x); }
DEVICE float rsqrtf(float x) { return 1 / sqrtf(x); }

DEVICE void land(const emulation::Copy& copy) {
  if (copy.valid) memcpy(copy.to, copy.from, 16);
  else memset(copy.to, 0, 16);
}
DEVICE void copy_async(void* to, const void* from, bool valid) {
  if (emulation::eager) land({to, from, valid});
  else emulation::lane->copies.push_back({to, from, valid});
}
DEVICE void copy_async_commit() { emulation::lane->groups.push_back(emulation::lane->copies.size()); }
template <int N>
DEVICE void copy_async_wait() {
  auto& copies = emulation::lane->copies;
  auto& groups = emulation::lane->groups;
  if (groups.size() <= N) return;
  const size_t landed = groups.size() - N, end = groups[landed - 1];
  for (size_t i = 0; i < end; ++i) land(copies[i]);
  copies.erase(copies.begin(), copies.begin() + end);
  groups.erase(groups.begin(), groups.begin() + landed);
  for (auto& group : groups) group -= end;
}

DEVICE void load_matrices(u32 (&r)[4], const void* row) {
  auto rows = emulation::gather(row);
  const int l = emulation::lane->number & 31;
  for (int i = 0; i < 4; ++i) r[i] = ((const u32*)rows[i * 8 + l / 4])[l % 4];
}
DEVICE void load_matrices_transposed(u32 (&r)[4], const void* row) {
  auto rows = emulation::gather(row);
  const int l = emulation::lane->number & 31;
  for (int i = 0; i < 4; ++i)
    r[i] = ((const u16*)rows[i * 8 + l % 4 * 2])[l / 4] | (u32)((const u16*)rows[i * 8 + l % 4 * 2 + 1])[l / 4] << 16;
}
struct MatrixInputs {
  u32 a[4], b[2];
};
template <class T>
DEVICE void multiply_add(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1, T) {
  auto all = emulation::gather(MatrixInputs{{a[0], a[1], a[2], a[3]}, {b0, b1}});
  const int l = emulation::lane->number & 31, g = l / 4, t = l % 4;
  auto low = [](u32 pair) { return wide(T{(u16)pair}); };
  auto high = [](u32 pair) { return wide(T{(u16)(pair >> 16)}); };
  float A[2][16], B[2][16];
  for (int q = 0; q < 4; ++q) {
    const MatrixInputs& x = all[g * 4 + q];
    for (int h = 0; h < 2; ++h) {
      for (int m = 0; m < 2; ++m) {
        A[m][h * 8 + q * 2] = low(x.a[h * 2 + m]);
        A[m][h * 8 + q * 2 + 1] = high(x.a[h * 2 + m]);
      }
    }
    for (int n = 0; n < 2; ++n) {
      const MatrixInputs& y = all[(t * 2 + n) * 4 + q];
      for (int h = 0; h < 2; ++h) {
        B[n][h * 8 + q * 2] = low(y.b[h]);
        B[n][h * 8 + q * 2 + 1] = high(y.b[h]);
      }
    }
  }
  for (int m = 0; m < 2; ++m)
    for (int n = 0; n < 2; ++n) {
      float sum = 0;
      for (int k = 0; k < 16; ++k) sum += A[m][k] * B[n][k];
      c[m * 2 + n] += sum;
    }
}
