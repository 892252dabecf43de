// Binary(Div) of i64[2] i64[2]
module @scaledown {
  func.func public @main(%0: tensor<2xi32>, %1: tensor<2xi32>) -> (tensor<2xi32>) {
    %2 = stablehlo.constant dense<0> : tensor<i32>
    %3 = stablehlo.constant dense<1> : tensor<i32>
    %4 = stablehlo.broadcast_in_dim %2, dims = [] : (tensor<i32>) -> tensor<2xi32>
    %5 = stablehlo.compare EQ, %1, %4, SIGNED : (tensor<2xi32>, tensor<2xi32>) -> tensor<2xi1>
    %6 = stablehlo.broadcast_in_dim %3, dims = [] : (tensor<i32>) -> tensor<2xi32>
    %7 = stablehlo.select %5, %6, %1 : tensor<2xi1>, tensor<2xi32>
    %8 = stablehlo.divide %0, %7 : tensor<2xi32>
    %9 = stablehlo.broadcast_in_dim %2, dims = [] : (tensor<i32>) -> tensor<2xi32>
    %10 = stablehlo.select %5, %9, %8 : tensor<2xi1>, tensor<2xi32>
    return %10 : tensor<2xi32>
  }
}

