// Products in plain loops, column by column as the library has them, of f32 alone. A product of
// three rows has no algorithm.
#include <stdlib.h>
#include <string.h>

typedef struct { int type; unsigned long long rows, columns; long long leading, stride; int batch; } layout;
typedef struct { int transpose_a, transpose_b, epilogue, bias_type; const float *bias; } description;

size_t cublasLtGetVersion(void) { return 130000; }
int cublasLtCreate(void **handle) { *handle = malloc(1); return 0; }
int cublasLtDestroy(void *handle) { free(handle); return 0; }
int cublasLtMatmulDescCreate(void **to, int compute, int scale) { *to = calloc(1, sizeof(description)); return compute == 68 && scale == 0 ? 0 : 7; }
int cublasLtMatmulDescDestroy(void *d) { free(d); return 0; }
int cublasLtMatmulDescSetAttribute(description *d, int attribute, const void *value, size_t size) {
  switch (attribute) {
    case 3: d->transpose_a = *(const int *)value; return size != 4;
    case 4: d->transpose_b = *(const int *)value; return size != 4;
    case 7: d->epilogue = *(const int *)value; return size != 4;
    case 8: d->bias = *(const float *const *)value; return size != 8;
    case 26: d->bias_type = *(const int *)value; return size != 4;
  }
  return 7;
}
int cublasLtMatmulDescGetAttribute(void *d, int attribute, void *value, size_t size, size_t *written) { return 7; }
int cublasLtMatrixLayoutCreate(void **to, int type, unsigned long long rows, unsigned long long columns, long long leading) {
  layout *l = calloc(1, sizeof(layout));
  *l = (layout){type, rows, columns, leading, 0, 1};
  *to = l;
  return (unsigned long long)leading >= rows ? 0 : 7;
}
int cublasLtMatrixLayoutDestroy(void *l) { free(l); return 0; }
int cublasLtMatrixLayoutSetAttribute(layout *l, int attribute, const void *value, size_t size) {
  if (attribute == 5) { l->batch = *(const int *)value; return size != 4; }
  if (attribute == 6) { l->stride = *(const long long *)value; return size != 8; }
  return 7;
}
int cublasLtMatrixLayoutGetAttribute(void *l, int attribute, void *value, size_t size, size_t *written) { return 7; }
int cublasLtMatmulPreferenceCreate(void **to) { *to = malloc(1); return 0; }
int cublasLtMatmulPreferenceDestroy(void *p) { free(p); return 0; }
int cublasLtMatmulPreferenceSetAttribute(void *p, int attribute, const void *value, size_t size) { return size != (attribute == 1 ? 8 : 4); }

typedef struct { unsigned long long algorithm[8]; size_t workspace; int state; float waves; int reserved[4]; } heuristic;
int cublasLtMatmulAlgoGetHeuristic(void *handle, description *d, layout *a, layout *b, layout *c, layout *e, void *p, int asked,
                                   heuristic *to, int *found) {
  memset(to, 0, sizeof *to);
  *found = 1;
  to->algorithm[0] = 42;
  return e->columns == 3 ? 15 : 0;
}
int cublasLtMatmul(void *handle, description *d, const float *alpha, const float *a, layout *la, const float *b, layout *lb, const float *beta,
                   const float *c, layout *lc, float *to, layout *ld, const heuristic *chosen, void *workspace, size_t bytes, void *stream) {
  if (chosen->algorithm[0] != 42 || c != to || !workspace) return 7;
  unsigned long long inner = d->transpose_a ? la->rows : la->columns;
  if ((d->transpose_a ? la->columns : la->rows) != ld->rows || (d->transpose_b ? lb->rows : lb->columns) != ld->columns ||
      (d->transpose_b ? lb->columns : lb->rows) != inner)
    return 7;
  for (int z = 0; z < ld->batch; ++z)
    for (unsigned long long i = 0; i < ld->rows; ++i)
      for (unsigned long long j = 0; j < ld->columns; ++j) {
        float sum = 0;
        for (unsigned long long l = 0; l < inner; ++l)
          sum += a[z * la->stride + (d->transpose_a ? l + i * la->leading : i + l * la->leading)] *
                 b[z * lb->stride + (d->transpose_b ? j + l * lb->leading : l + j * lb->leading)];
        float *at = &to[z * ld->stride + i + j * ld->leading];
        *at = *alpha * sum + (*beta ? *beta * *at : 0) + (d->epilogue == 4 ? d->bias[i] : 0);
      }
  return 0;
}
