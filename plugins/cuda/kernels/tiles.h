// Tiles of 16-bit numbers in shared memory, in rows of D numbers: chunks of 16 bytes are exchanged
// so that eight rows of one column lie in different banks.
#pragma once
#include "attention.h"

constexpr int TILE_THREADS = 128;

template <int D>
DEVICE u8* chunk_at(u8* tile, int row, int chunk) {
  return tile + row * D * 2 + ((chunk ^ (row & 7)) << 4);
}
// Starts copying ROWS rows of d numbers; `from(r)` is where row r begins, or null for zeroes.
// Columns beyond d are zeroes.
template <int D, int ROWS, class T, class F>
DEVICE void load_tile(u8* tile, const T* any, int d, F from) {
  for (int i = threadIdx.x; i < ROWS * D / 8; i += TILE_THREADS) {
    const int r = i / (D / 8), c = i % (D / 8);
    const T* row = from(r);
    const bool valid = row != nullptr && c * 8 < d;
    copy_async(chunk_at<D>(tile, r, c), valid ? row + c * 8 : any, valid);
  }
}
// A 16 x 16 fragment of rows `row..` as the left factor.
template <int D>
DEVICE void load_left(u32 (&f)[4], u8* tile, int row, int column) {
  const int lane = threadIdx.x & 31;
  load_matrices(f, chunk_at<D>(tile, row + (lane & 15), column / 8 + (lane >> 4)));
}
// A 16 x 16 fragment whose rows are columns of the right factor: f[0], f[1] are those of the first
// eight rows.
template <int D>
DEVICE void load_right(u32 (&f)[4], u8* tile, int row, int column) {
  const int lane = threadIdx.x & 31;
  load_matrices(f, chunk_at<D>(tile, row + (lane >> 4) * 8 + (lane & 7), column / 8 + (lane >> 3 & 1)));
}
// A 16 x 16 fragment whose rows are rows of the right factor: f[0], f[1] are those of the first
// eight columns.
template <int D>
DEVICE void load_right_rows(u32 (&f)[4], u8* tile, int row, int column) {
  const int lane = threadIdx.x & 31;
  load_matrices_transposed(f, chunk_at<D>(tile, row + (lane & 15), column / 8 + (lane >> 4)));
}
// The left factor that two neighbouring sums of 16 x 8 make.
template <class T>
DEVICE void as_left(u32 (&f)[4], const float (&a)[4], const float (&b)[4]) {
  f[0] = pack(a[0], a[1], T());
  f[1] = pack(a[2], a[3], T());
  f[2] = pack(b[0], b[1], T());
  f[3] = pack(b[2], b[3], T());
}
template <int N>
DEVICE void clear(float (&c)[N][4]) {
  UNROLL for (int n = 0; n < N; ++n) UNROLL for (int i = 0; i < 4; ++i) c[n][i] = 0.f;
}
