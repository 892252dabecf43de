// Select of bool[2, 1] f32[3] f32[]
module @scaledown {
  func.func public @main(%0: tensor<2x1xi1>, %1: tensor<3xf32>, %2: tensor<f32>) -> (tensor<2x3xf32>) {
    %3 = stablehlo.broadcast_in_dim %0, dims = [0, 1] : (tensor<2x1xi1>) -> tensor<2x3xi1>
    %4 = stablehlo.broadcast_in_dim %1, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
    %5 = stablehlo.broadcast_in_dim %2, dims = [] : (tensor<f32>) -> tensor<2x3xf32>
    %6 = stablehlo.select %3, %4, %5 : tensor<2x3xi1>, tensor<2x3xf32>
    return %6 : tensor<2x3xf32>
  }
}

