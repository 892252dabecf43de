// Reduce { op: Sum, dims: [1], keep: true } of bf16[2, 3]
module @scaledown {
  func.func public @main(%0: tensor<2x3xbf16>) -> (tensor<2x1xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<2x3xbf16>) -> tensor<2x3xf32>
    %2 = stablehlo.constant dense<0x00000000> : tensor<f32>
    %3 = stablehlo.reduce(%1 init: %2) applies stablehlo.add across dimensions = [1] : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>
    %4 = stablehlo.convert %3 : (tensor<2xf32>) -> tensor<2xbf16>
    %5 = stablehlo.reshape %4 : (tensor<2xbf16>) -> tensor<2x1xbf16>
    return %5 : tensor<2x1xbf16>
  }
}

// Reduce { op: Mean, dims: [1], keep: true } of bf16[2, 3]
module @scaledown {
  func.func public @main(%0: tensor<2x3xbf16>) -> (tensor<2x1xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<2x3xbf16>) -> tensor<2x3xf32>
    %2 = stablehlo.constant dense<0x00000000> : tensor<f32>
    %3 = stablehlo.reduce(%1 init: %2) applies stablehlo.add across dimensions = [1] : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>
    %4 = stablehlo.constant dense<0x40400000> : tensor<f32>
    %5 = stablehlo.broadcast_in_dim %4, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %6 = stablehlo.divide %3, %5 : tensor<2xf32>
    %7 = stablehlo.convert %6 : (tensor<2xf32>) -> tensor<2xbf16>
    %8 = stablehlo.reshape %7 : (tensor<2xbf16>) -> tensor<2x1xbf16>
    return %8 : tensor<2x1xbf16>
  }
}

// Reduce { op: Max, dims: [1], keep: true } of bf16[2, 3]
module @scaledown {
  func.func public @main(%0: tensor<2x3xbf16>) -> (tensor<2x1xbf16>) {
    %1 = stablehlo.constant dense<0xFF80> : tensor<bf16>
    %2 = stablehlo.reduce(%0 init: %1) applies stablehlo.maximum across dimensions = [1] : (tensor<2x3xbf16>, tensor<bf16>) -> tensor<2xbf16>
    %3 = stablehlo.reshape %2 : (tensor<2xbf16>) -> tensor<2x1xbf16>
    return %3 : tensor<2x1xbf16>
  }
}

