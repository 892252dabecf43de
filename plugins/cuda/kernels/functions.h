// Functions of one element, by their numbers in the contract, and their derivatives.
#pragma once
#include "device.h"

enum Function { NEG, ABS, SQUARE, SQRT, RSQRT, RECIP, EXP, LOG, SIN, COS, TANH, SIGMOID, RELU, SILU, GELU, GELU_TANH, ERF };

constexpr float ROOT_HALF = 0.70710678118654752f, ROOT_2_OVER_PI = 0.79788456080286536f, CUBIC = 0.044715f;

DEVICE float sigmoid(float x) { return 1.f / (1.f + expf(-x)); }
DEVICE float tanh_argument(float x) { return ROOT_2_OVER_PI * (x + CUBIC * x * x * x); }

DEVICE float apply(int function, float x) {
  switch (function) {
    case NEG: return -x;
    case ABS: return fabsf(x);
    case SQUARE: return x * x;
    case SQRT: return sqrtf(x);
    case RSQRT: return 1.f / sqrtf(x);
    case RECIP: return 1.f / x;
    case EXP: return expf(x);
    case LOG: return logf(x);
    case SIN: return sinf(x);
    case COS: return cosf(x);
    case TANH: return tanhf(x);
    case SIGMOID: return sigmoid(x);
    case RELU: return maximum(x, 0.f);
    case SILU: return x * sigmoid(x);
    case GELU: return 0.5f * x * (1.f + erff(x * ROOT_HALF));
    case GELU_TANH: return 0.5f * x * (1.f + tanhf(tanh_argument(x)));
    default: return erff(x);
  }
}

// The functions that gates and biases are fused with, and their derivatives.
DEVICE float activate(int function, float x) {
  switch (function) {
    case TANH: return tanhf(x);
    case RELU: return maximum(x, 0.f);
    case SILU: return x * sigmoid(x);
    case GELU: return 0.5f * x * (1.f + erff(x * ROOT_HALF));
    default: return 0.5f * x * (1.f + tanhf(tanh_argument(x)));
  }
}
DEVICE float slope(int function, float x) {
  switch (function) {
    case TANH: {
      const float t = tanhf(x);
      return 1.f - t * t;
    }
    case RELU: return x > 0.f ? 1.f : 0.f;
    case SILU: {
      const float s = sigmoid(x);
      return s * (1.f + x * (1.f - s));
    }
    case GELU: return 0.5f * (1.f + erff(x * ROOT_HALF)) + x * 0.39894228040143268f * expf(-0.5f * x * x);
    default: {
      const float t = tanhf(tanh_argument(x));
      return 0.5f * (1.f + t) + 0.5f * x * (1.f - t * t) * ROOT_2_OVER_PI * (1.f + 3.f * CUBIC * x * x);
    }
  }
}
