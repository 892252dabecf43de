// Arange { start: -2, len: 3 } of 
module @scaledown {
  func.func public @main() -> (tensor<3xi32>) {
    %0 = stablehlo.iota dim = 0 : tensor<3xi32>
    %1 = stablehlo.constant dense<-2> : tensor<i32>
    %2 = stablehlo.broadcast_in_dim %1, dims = [] : (tensor<i32>) -> tensor<3xi32>
    %3 = stablehlo.add %0, %2 : tensor<3xi32>
    return %3 : tensor<3xi32>
  }
}

// Arange { start: 0, len: 3 } of 
module @scaledown {
  func.func public @main() -> (tensor<3xi32>) {
    %0 = stablehlo.iota dim = 0 : tensor<3xi32>
    return %0 : tensor<3xi32>
  }
}

