// ArgMax of f32[2, 5]
module @scaledown {
  func.func public @main(%0: tensor<2x5xf32>) -> (tensor<2xi32>) {
    %1 = stablehlo.constant dense<0xFF800000> : tensor<f32>
    %2 = stablehlo.reduce(%0 init: %1) applies stablehlo.maximum across dimensions = [1] : (tensor<2x5xf32>, tensor<f32>) -> tensor<2xf32>
    %3 = stablehlo.reshape %2 : (tensor<2xf32>) -> tensor<2x1xf32>
    %4 = stablehlo.broadcast_in_dim %3, dims = [0, 1] : (tensor<2x1xf32>) -> tensor<2x5xf32>
    %5 = stablehlo.compare EQ, %0, %4, FLOAT : (tensor<2x5xf32>, tensor<2x5xf32>) -> tensor<2x5xi1>
    %6 = stablehlo.compare NE, %0, %0, FLOAT : (tensor<2x5xf32>, tensor<2x5xf32>) -> tensor<2x5xi1>
    %7 = stablehlo.or %5, %6 : tensor<2x5xi1>
    %8 = stablehlo.iota dim = 1 : tensor<2x5xi32>
    %9 = stablehlo.constant dense<2147483647> : tensor<i32>
    %10 = stablehlo.broadcast_in_dim %9, dims = [] : (tensor<i32>) -> tensor<2x5xi32>
    %11 = stablehlo.select %7, %8, %10 : tensor<2x5xi1>, tensor<2x5xi32>
    %12 = stablehlo.reduce(%11 init: %9) applies stablehlo.minimum across dimensions = [1] : (tensor<2x5xi32>, tensor<i32>) -> tensor<2xi32>
    return %12 : tensor<2xi32>
  }
}

