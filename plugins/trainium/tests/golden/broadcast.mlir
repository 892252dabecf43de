// Broadcast { shape: Shape([2, 3]) } of f32[1]
module @scaledown {
  func.func public @main(%0: tensor<1xf32>) -> (tensor<2x3xf32>) {
    %1 = stablehlo.broadcast_in_dim %0, dims = [1] : (tensor<1xf32>) -> tensor<2x3xf32>
    return %1 : tensor<2x3xf32>
  }
}

