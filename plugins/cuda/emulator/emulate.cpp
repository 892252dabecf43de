// The scheduler of the emulation, and what Rust calls.
#include "device.h"

namespace emulation {

#if defined(__x86_64__)
asm(".text\n.globl emulation_switch\nemulation_switch:\n"
    " pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
    " movq %rsp,(%rdi)\n movq %rsi,%rsp\n"
    " popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n ret\n");
#else
#error "the emulation needs a switch of stacks for this processor (aarch64: x19-x30, d8-d15)"
#endif

thread_local Block* block;
thread_local Lane* lane;
thread_local bool eager;
std::vector<Region>& regions() {
  static thread_local std::vector<Region> all;
  return all;
}
std::map<std::string, Entry>& kernels() {
  static std::map<std::string, Entry> all;
  return all;
}

constexpr size_t STACK = 128 << 10;

void yield(State state) {
  lane->state = state;
  Lane* self = lane;
  emulation_switch(&self->stack, block->caller);
  lane = self;
}

[[noreturn]] static void start() {
  block->kernel(block->arguments);
  lane->state = Done;
  Lane* self = lane;
  emulation_switch(&self->stack, block->caller);
  abort();
}

void warp_barrier() {
  const size_t base = lane->number / 32 * 32, end = smaller(base + 32, block->lanes.size());
  Warp& warp = block->warps[lane->number / 32];
  int lanes = 0;
  for (size_t i = base; i < end; ++i) lanes += block->lanes[i].state != Done;
  if (++warp.waiting < lanes) return yield(AtWarp);
  warp.waiting = 0;
  for (size_t i = base; i < end; ++i)
    if (block->lanes[i].state == AtWarp) block->lanes[i].state = Ready;
}

static void prepare(Block& b) {
  const size_t n = (size_t)b.size.x * b.size.y * b.size.z;
  if (b.stack_count < n) {
    if (b.stacks) munmap(b.stacks, b.stack_count * STACK);
    b.stacks = (char*)mmap(nullptr, n * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (b.stacks == MAP_FAILED) abort();
    b.stack_count = n;
  }
  memset(b.shared.data(), 0xff, b.shared.size());
  for (auto& region : regions()) memset(region.start, 0xff, region.bytes);
  b.lanes.resize(n);
  b.warps.assign((n + 31) / 32, {});
  for (size_t i = 0; i < n; ++i) {
    Lane& l = b.lanes[i];
    l.number = (int)i;
    l.exchanges = 0;
    l.copies.clear();
    l.groups.clear();
    l.index = {unsigned(i % b.size.x), unsigned(i / b.size.x % b.size.y), unsigned(i / b.size.x / b.size.y)};
    l.state = Ready;
    // Neighbours' stacks lie at odd distances, so that they do not share a set of the cache.
    void** stack = (void**)(b.stacks + (i + 1) * STACK - (i % 61) * 64);
    *--stack = nullptr;
    *--stack = (void*)start;
    for (int k = 0; k < 6; ++k) *--stack = nullptr;
    l.stack = stack;
  }
}

// Whether the block ran to its end. If not, `problem` says why.
static bool run_block(Block& b, unsigned order, std::string& problem) {
  prepare(b);
  block = &b;
  const size_t n = b.lanes.size(), warps = b.warps.size();
  for (;;) {
    for (size_t k = 0; k < warps; ++k) {
      const size_t w = order == 0 ? k : order == 1 ? warps - 1 - k : (k * 7 + order) % warps;
      for (bool any = true; any;) {
        any = false;
        for (size_t i = w * 32; i < w * 32 + 32 && i < n; ++i)
          if (b.lanes[i].state == Ready) {
            any = true;
            lane = &b.lanes[i];
            emulation_switch(&b.caller, lane->stack);
          }
      }
    }
    size_t done = 0, waiting = 0;
    for (auto& l : b.lanes) {
      done += l.state == Done;
      waiting += l.state == AtBlock;
    }
    if (done == n) return true;
    if (done + waiting != n) {
      problem = "threads wait within their warp for others that wait for the block or have returned";
      return false;
    }
    if (done) {
      problem = std::to_string(done) + " of " + std::to_string(n) + " threads never reach a barrier of the block";
      return false;
    }
    for (auto& l : b.lanes) l.state = Ready;
  }
}

static thread_local std::string last_problem;

static int failed(std::string problem) {
  last_problem = std::move(problem);
  return 1;
}
}  // namespace emulation

extern "C" {
const char* emulation_problem() { return emulation::last_problem.c_str(); }

// As cuLaunchKernel, with the size of each argument beside it. 0 if all went well.
int emulation_launch(const char* name, const unsigned* grid, const unsigned* size, unsigned shared, unsigned order, void** arguments,
                     const u32* sizes, u32 count) {
  using namespace emulation;
  auto found = kernels().find(name);
  if (found == kernels().end()) return failed(std::string("there is no kernel ") + name);
  const Entry& entry = found->second;
  if (entry.sizes.size() != count)
    return failed(std::string(name) + " takes " + std::to_string(entry.sizes.size()) + " arguments, got " + std::to_string(count));
  for (u32 i = 0; i < count; ++i)
    if (entry.sizes[i] != sizes[i])
      return failed(std::string(name) + ": argument " + std::to_string(i) + " has " + std::to_string(entry.sizes[i]) +
                    " bytes, got " + std::to_string(sizes[i]));
  if (size[0] * size[1] * size[2] % 32) return failed(std::string(name) + ": a block is no whole number of warps");
  if (grid[1] > 65535 || grid[2] > 65535) return failed(std::string(name) + ": the grid is too large");
  static thread_local Block b;
  b.size = {size[0], size[1], size[2]};
  b.grid = {grid[0], grid[1], grid[2]};
  b.shared.resize(shared);
  b.kernel = entry.run;
  b.arguments = arguments;
  eager = order == 1;
  std::string problem;
  for (unsigned z = 0; z < grid[2]; ++z)
    for (unsigned y = 0; y < grid[1]; ++y)
      for (unsigned x = 0; x < grid[0]; ++x) {
        b.index = {x, y, z};
        if (!run_block(b, order, problem)) return failed(std::string(name) + ": " + problem);
      }
  return 0;
}

struct EmulatedMatrix {
  const void* data;
  i64 row, column, batch;  // elements between neighbours
  int type;                // 0 f32, 1 bf16, 2 f16
};
static float element(const EmulatedMatrix& m, i64 at) {
  if (m.type == 0) return ((const float*)m.data)[at];
  if (m.type == 1) return wide(((const bf16*)m.data)[at]);
  return wide(((const f16*)m.data)[at]);
}
// c = alpha a b + beta c + bias, in f32; sums in the order of k.
void emulation_product(i64 batches, i64 m, i64 n, i64 k, const EmulatedMatrix* a, const EmulatedMatrix* b, const EmulatedMatrix* c,
                       const EmulatedMatrix* bias, float alpha, float beta) {
  std::vector<float> row(k), columns(n * k);
  for (i64 z = 0; z < batches; ++z) {
    for (i64 j = 0; j < n; ++j)
      for (i64 l = 0; l < k; ++l) columns[j * k + l] = element(*b, z * b->batch + l * b->row + j * b->column);
    for (i64 i = 0; i < m; ++i) {
      for (i64 l = 0; l < k; ++l) row[l] = element(*a, z * a->batch + i * a->row + l * a->column);
      for (i64 j = 0; j < n; ++j) {
        const float* column = &columns[j * k];
        float sum = 0;
        for (i64 l = 0; l < k; ++l) sum += row[l] * column[l];
        const i64 at = z * c->batch + i * c->row + j * c->column;
        float value = alpha * sum;
        if (beta != 0) value += beta * element(*c, at);
        if (bias->data) value += element(*bias, j);
        if (c->type == 0) ((float*)c->data)[at] = value;
        else if (c->type == 1) ((bf16*)c->data)[at] = to_bf16(value);
        else ((f16*)c->data)[at] = to_f16(value);
      }
    }
  }
}
}
