// MatMul { transpose_a: false, transpose_b: false } of bf16[5, 2, 3] bf16[3, 4]
module @scaledown {
  func.func public @main(%0: tensor<5x2x3xbf16>, %1: tensor<3x4xbf16>) -> (tensor<5x2x4xbf16>) {
    %2 = stablehlo.broadcast_in_dim %1, dims = [1, 2] : (tensor<3x4xbf16>) -> tensor<5x3x4xbf16>
    %3 = stablehlo.dot_general %0, %2, batching_dims = [0] x [0], contracting_dims = [2] x [1], precision = [HIGHEST, HIGHEST] : (tensor<5x2x3xbf16>, tensor<5x3x4xbf16>) -> tensor<5x2x4xf32>
    %4 = stablehlo.convert %3 : (tensor<5x2x4xf32>) -> tensor<5x2x4xbf16>
    return %4 : tensor<5x2x4xbf16>
  }
}

// MatMul { transpose_a: false, transpose_b: true } of bf16[5, 2, 3] bf16[4, 3]
module @scaledown {
  func.func public @main(%0: tensor<5x2x3xbf16>, %1: tensor<4x3xbf16>) -> (tensor<5x2x4xbf16>) {
    %2 = stablehlo.broadcast_in_dim %1, dims = [1, 2] : (tensor<4x3xbf16>) -> tensor<5x4x3xbf16>
    %3 = stablehlo.dot_general %0, %2, batching_dims = [0] x [0], contracting_dims = [2] x [2], precision = [HIGHEST, HIGHEST] : (tensor<5x2x3xbf16>, tensor<5x4x3xbf16>) -> tensor<5x2x4xf32>
    %4 = stablehlo.convert %3 : (tensor<5x2x4xf32>) -> tensor<5x2x4xbf16>
    return %4 : tensor<5x2x4xbf16>
  }
}

// MatMul { transpose_a: true, transpose_b: false } of bf16[5, 3, 2] bf16[3, 4]
module @scaledown {
  func.func public @main(%0: tensor<5x3x2xbf16>, %1: tensor<3x4xbf16>) -> (tensor<5x2x4xbf16>) {
    %2 = stablehlo.broadcast_in_dim %1, dims = [1, 2] : (tensor<3x4xbf16>) -> tensor<5x3x4xbf16>
    %3 = stablehlo.dot_general %0, %2, batching_dims = [0] x [0], contracting_dims = [1] x [1], precision = [HIGHEST, HIGHEST] : (tensor<5x3x2xbf16>, tensor<5x3x4xbf16>) -> tensor<5x2x4xf32>
    %4 = stablehlo.convert %3 : (tensor<5x2x4xf32>) -> tensor<5x2x4xbf16>
    return %4 : tensor<5x2x4xbf16>
  }
}

