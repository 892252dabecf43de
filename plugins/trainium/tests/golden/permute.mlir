// Permute { dims: [1, 0] } of f32[2, 3]
module @scaledown {
  func.func public @main(%0: tensor<2x3xf32>) -> (tensor<3x2xf32>) {
    %1 = stablehlo.transpose %0, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
    return %1 : tensor<3x2xf32>
  }
}

