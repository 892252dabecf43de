// Slice { dim: 1, start: 1, len: 2 } of f32[2, 4]
module @scaledown {
  func.func public @main(%0: tensor<2x4xf32>) -> (tensor<2x2xf32>) {
    %1 = stablehlo.slice %0 [0:2, 1:3] : (tensor<2x4xf32>) -> tensor<2x2xf32>
    return %1 : tensor<2x2xf32>
  }
}

