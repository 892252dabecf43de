// Affine { mul: 2.0, add: 0.5 } of bf16[2]
module @scaledown {
  func.func public @main(%0: tensor<2xbf16>) -> (tensor<2xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<2xbf16>) -> tensor<2xf32>
    %2 = stablehlo.constant dense<0x40000000> : tensor<f32>
    %3 = stablehlo.broadcast_in_dim %2, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %4 = stablehlo.multiply %1, %3 : tensor<2xf32>
    %5 = stablehlo.constant dense<0x3F000000> : tensor<f32>
    %6 = stablehlo.broadcast_in_dim %5, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %7 = stablehlo.add %4, %6 : tensor<2xf32>
    %8 = stablehlo.convert %7 : (tensor<2xf32>) -> tensor<2xbf16>
    return %8 : tensor<2xbf16>
  }
}

