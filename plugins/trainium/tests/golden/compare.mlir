// Compare(Eq) of f32[2] f32[]
module @scaledown {
  func.func public @main(%0: tensor<2xf32>, %1: tensor<f32>) -> (tensor<2xi1>) {
    %2 = stablehlo.broadcast_in_dim %1, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %3 = stablehlo.compare EQ, %0, %2, FLOAT : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
    return %3 : tensor<2xi1>
  }
}

// Compare(Ne) of f32[2] f32[]
module @scaledown {
  func.func public @main(%0: tensor<2xf32>, %1: tensor<f32>) -> (tensor<2xi1>) {
    %2 = stablehlo.broadcast_in_dim %1, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %3 = stablehlo.compare NE, %0, %2, FLOAT : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
    return %3 : tensor<2xi1>
  }
}

// Compare(Lt) of f32[2] f32[]
module @scaledown {
  func.func public @main(%0: tensor<2xf32>, %1: tensor<f32>) -> (tensor<2xi1>) {
    %2 = stablehlo.broadcast_in_dim %1, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %3 = stablehlo.compare LT, %0, %2, FLOAT : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
    return %3 : tensor<2xi1>
  }
}

// Compare(Le) of f32[2] f32[]
module @scaledown {
  func.func public @main(%0: tensor<2xf32>, %1: tensor<f32>) -> (tensor<2xi1>) {
    %2 = stablehlo.broadcast_in_dim %1, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %3 = stablehlo.compare LE, %0, %2, FLOAT : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
    return %3 : tensor<2xi1>
  }
}

// Compare(Gt) of f32[2] f32[]
module @scaledown {
  func.func public @main(%0: tensor<2xf32>, %1: tensor<f32>) -> (tensor<2xi1>) {
    %2 = stablehlo.broadcast_in_dim %1, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %3 = stablehlo.compare GT, %0, %2, FLOAT : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
    return %3 : tensor<2xi1>
  }
}

// Compare(Ge) of f32[2] f32[]
module @scaledown {
  func.func public @main(%0: tensor<2xf32>, %1: tensor<f32>) -> (tensor<2xi1>) {
    %2 = stablehlo.broadcast_in_dim %1, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %3 = stablehlo.compare GE, %0, %2, FLOAT : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
    return %3 : tensor<2xi1>
  }
}

