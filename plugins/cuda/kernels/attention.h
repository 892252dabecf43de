// What the kernels of attention share: which keys a query sees.
#pragma once
#include "device.h"

// Extents: `s` queries, `t` keys, `h` heads, `g` key heads, `d` numbers a head; `window` is -1
// where there is none; `parts` is into how many ranges the keys are cut, each for a block of its
// own.
struct AttentionShape {
  int s, t, h, g, d, causal, window, parts;
  float scale;
};
// Inputs that say where queries and keys stand: null where they are not given.
struct AttentionPlaces {
  const i64* spans;
  const i64* queries;
  const i64* keys;
};

constexpr float LOG2_E = 1.4426950408889634f, LN_2 = 0.6931471805599453f;
// Positions beyond this are taken for it, so that differences fit 32 bits.
constexpr int FAR_AWAY = 1 << 29;
// The position of a key that nobody sees.
constexpr int HIDDEN = -2147483647 - 1;

DEVICE int near(i64 position) { return (int)(position > FAR_AWAY ? FAR_AWAY : position < -FAR_AWAY ? -FAR_AWAY : position); }

// The places of one row of the batch.
struct Row {
  int start, end, first;
  const i64* queries;
  const i64* keys;

  DEVICE Row of(const AttentionPlaces& places, const AttentionShape& p, int b) {
    Row row = {0, p.t, p.t - p.s, places.queries ? places.queries + (u64)b * p.s : nullptr,
               places.keys ? places.keys + (u64)b * p.t : nullptr};
    if (places.spans) {
      const i64* span = places.spans + 3 * b;
      const int start = near(span[0]);
      row.start = larger(start, 0);
      row.end = smaller(start + near(span[1]), p.t);
      row.first = near(span[2]);
    }
    return row;
  }
};
DEVICE int query_position(const Row& row, int query) { return row.queries ? near(row.queries[query]) : row.first + query; }
// HIDDEN outside the row's span.
DEVICE int key_position(const Row& row, int key) {
  return key < row.start || key >= row.end ? HIDDEN : row.keys ? near(row.keys[key]) : key;
}
DEVICE bool sees(const AttentionShape& p, int query, int key) {
  const int distance = query > key ? query - key : key - query;
  return key != HIDDEN && (!p.causal || key <= query) && (p.window < 0 || distance <= p.window);
}

// Whether all of the queries first..=last see all of the keys first_key..=last_key, so that nobody
// needs to look at each pair.
DEVICE bool all_see(const Row& row, const AttentionShape& p, int first, int last, int first_key, int last_key) {
  if (row.keys || first_key < row.start || last_key >= row.end) return false;
  const int low = row.first + first, high = row.first + last;
  return (!p.causal || last_key <= low) && (p.window < 0 || (high - first_key <= p.window && last_key - low <= p.window));
}

// Keys `begin..end`, of which none is missing that one of the queries first..=last sees.
struct Range {
  int begin, end;
};
DEVICE Range visible_keys(const Row& row, const AttentionShape& p, int first, int last) {
  Range range = {row.start, row.end};
  if (!row.keys) {
    const int low = row.first + first, high = row.first + last;
    if (p.causal) range.end = smaller(range.end, high + 1);
    if (p.window >= 0) {
      range.begin = larger(range.begin, low - p.window);
      range.end = smaller(range.end, high + p.window + 1);
    }
  }
  range.end = larger(range.end, range.begin);
  return range;
}
// Queries `begin..end`, of which none is missing that sees one of the keys first..=last.
DEVICE Range watching_queries(const Row& row, const AttentionShape& p, int first, int last) {
  Range range = {0, p.s};
  if (last < row.start || first >= row.end) range.end = 0;
  if (!row.keys) {
    if (p.causal) range.begin = larger(range.begin, first - row.first);
    if (p.window >= 0) {
      range.begin = larger(range.begin, first - p.window - row.first);
      range.end = smaller(range.end, last + p.window - row.first + 1);
    }
  }
  // Rows of a group are counted from here: beyond the last query, their number may not fit.
  range.begin = smaller(range.begin, p.s);
  range.end = larger(range.end, range.begin);
  return range;
}

// The rows of one key head: row r is query r / group of head kvh * group + r % group.
struct Group {
  int size, key_head, b;
};
DEVICE u64 query_row(const Group& group, const AttentionShape& p, int r) {
  return (u64)(group.b * (u64)p.s + r / group.size) * p.h + group.key_head * group.size + r % group.size;
}
DEVICE u64 lse_place(const Group& group, const AttentionShape& p, int r) {
  return ((u64)group.b * p.h + group.key_head * group.size + r % group.size) * p.s + r / group.size;
}
DEVICE u64 key_row(const Group& group, const AttentionShape& p, int key) {
  return (u64)(group.b * (u64)p.t + key) * p.g + group.key_head;
}
