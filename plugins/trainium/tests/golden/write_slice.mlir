// WriteSlice { dim: 0, start: 1 } of f32[3, 2] f32[1, 2]
module @scaledown {
  func.func public @main(%0: tensor<3x2xf32>, %1: tensor<1x2xf32>, %2: tensor<1xui32>) -> (tensor<3x2xf32>) {
    %3 = stablehlo.reshape %2 : (tensor<1xui32>) -> tensor<ui32>
    %4 = stablehlo.convert %3 : (tensor<ui32>) -> tensor<i32>
    %5 = stablehlo.constant dense<0> : tensor<i32>
    %6 = stablehlo.dynamic_update_slice %0, %1, %4, %5 : (tensor<3x2xf32>, tensor<1x2xf32>, tensor<i32>, tensor<i32>) -> tensor<3x2xf32>
    return %6 : tensor<3x2xf32>
  }
}

