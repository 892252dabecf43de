// Concat { dim: 0 } of f32[1, 2] f32[0, 2] f32[2, 2]
module @scaledown {
  func.func public @main(%0: tensor<1x2xf32>, %1: tensor<0x2xf32>, %2: tensor<2x2xf32>) -> (tensor<3x2xf32>) {
    %3 = stablehlo.concatenate %0, %2, dim = 0 : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<3x2xf32>
    return %3 : tensor<3x2xf32>
  }
}

