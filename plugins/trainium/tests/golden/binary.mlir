// Binary(Add) of f32[2, 3] f32[3]
module @scaledown {
  func.func public @main(%0: tensor<2x3xf32>, %1: tensor<3xf32>) -> (tensor<2x3xf32>) {
    %2 = stablehlo.broadcast_in_dim %1, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
    %3 = stablehlo.add %0, %2 : tensor<2x3xf32>
    return %3 : tensor<2x3xf32>
  }
}

// Binary(Sub) of f32[2, 3] f32[3]
module @scaledown {
  func.func public @main(%0: tensor<2x3xf32>, %1: tensor<3xf32>) -> (tensor<2x3xf32>) {
    %2 = stablehlo.broadcast_in_dim %1, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
    %3 = stablehlo.subtract %0, %2 : tensor<2x3xf32>
    return %3 : tensor<2x3xf32>
  }
}

// Binary(Mul) of f32[2, 3] f32[3]
module @scaledown {
  func.func public @main(%0: tensor<2x3xf32>, %1: tensor<3xf32>) -> (tensor<2x3xf32>) {
    %2 = stablehlo.broadcast_in_dim %1, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
    %3 = stablehlo.multiply %0, %2 : tensor<2x3xf32>
    return %3 : tensor<2x3xf32>
  }
}

// Binary(Div) of f32[2, 3] f32[3]
module @scaledown {
  func.func public @main(%0: tensor<2x3xf32>, %1: tensor<3xf32>) -> (tensor<2x3xf32>) {
    %2 = stablehlo.broadcast_in_dim %1, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
    %3 = stablehlo.divide %0, %2 : tensor<2x3xf32>
    return %3 : tensor<2x3xf32>
  }
}

// Binary(Maximum) of f32[2, 3] f32[3]
module @scaledown {
  func.func public @main(%0: tensor<2x3xf32>, %1: tensor<3xf32>) -> (tensor<2x3xf32>) {
    %2 = stablehlo.broadcast_in_dim %1, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
    %3 = stablehlo.maximum %0, %2 : tensor<2x3xf32>
    return %3 : tensor<2x3xf32>
  }
}

// Binary(Minimum) of f32[2, 3] f32[3]
module @scaledown {
  func.func public @main(%0: tensor<2x3xf32>, %1: tensor<3xf32>) -> (tensor<2x3xf32>) {
    %2 = stablehlo.broadcast_in_dim %1, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
    %3 = stablehlo.minimum %0, %2 : tensor<2x3xf32>
    return %3 : tensor<2x3xf32>
  }
}

