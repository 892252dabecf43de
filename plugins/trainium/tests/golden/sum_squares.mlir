// SumSquares of bf16[2, 3] bf16[]
module @scaledown {
  func.func public @main(%0: tensor<2x3xbf16>, %1: tensor<bf16>) -> (tensor<f32>) {
    %2 = stablehlo.convert %0 : (tensor<2x3xbf16>) -> tensor<2x3xf32>
    %3 = stablehlo.multiply %2, %2 : tensor<2x3xf32>
    %4 = stablehlo.constant dense<0x00000000> : tensor<f32>
    %5 = stablehlo.reduce(%3 init: %4) applies stablehlo.add across dimensions = [1] : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>
    %6 = stablehlo.constant dense<0x00000000> : tensor<f32>
    %7 = stablehlo.reduce(%5 init: %6) applies stablehlo.add across dimensions = [0] : (tensor<2xf32>, tensor<f32>) -> tensor<f32>
    %8 = stablehlo.convert %1 : (tensor<bf16>) -> tensor<f32>
    %9 = stablehlo.multiply %8, %8 : tensor<f32>
    %10 = stablehlo.add %7, %9 : tensor<f32>
    return %10 : tensor<f32>
  }
}

