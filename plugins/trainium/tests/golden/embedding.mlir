// Embedding of f32[5, 2] i64[3, 1]
module @scaledown {
  func.func public @main(%0: tensor<5x2xf32>, %1: tensor<3x1xi32>) -> (tensor<3x1x2xf32>, tensor<i1>) {
    %2 = stablehlo.reshape %1 : (tensor<3x1xi32>) -> tensor<3xi32>
    %3 = stablehlo.constant dense<5> : tensor<i32>
    %4 = stablehlo.broadcast_in_dim %3, dims = [] : (tensor<i32>) -> tensor<3xi32>
    %5 = stablehlo.compare GE, %2, %4, SIGNED : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi1>
    %6 = stablehlo.constant dense<0> : tensor<i32>
    %7 = stablehlo.broadcast_in_dim %6, dims = [] : (tensor<i32>) -> tensor<3xi32>
    %8 = stablehlo.compare LT, %2, %7, SIGNED : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi1>
    %9 = stablehlo.or %5, %8 : tensor<3xi1>
    %10 = stablehlo.broadcast_in_dim %6, dims = [] : (tensor<i32>) -> tensor<3xi32>
    %11 = stablehlo.select %9, %10, %2 : tensor<3xi1>, tensor<3xi32>
    %12 = stablehlo.constant dense<false> : tensor<i1>
    %13 = stablehlo.reduce(%9 init: %12) applies stablehlo.or across dimensions = [0] : (tensor<3xi1>, tensor<i1>) -> tensor<i1>
    %14 = "stablehlo.gather"(%0, %11) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, slice_sizes = array<i64: 1, 2>, indices_are_sorted = false}> : (tensor<5x2xf32>, tensor<3xi32>) -> tensor<3x2xf32>
    %15 = stablehlo.reshape %14 : (tensor<3x2xf32>) -> tensor<3x1x2xf32>
    return %15, %13 : tensor<3x1x2xf32>, tensor<i1>
  }
}

// Embedding of f32[5, 2] u32[3]
module @scaledown {
  func.func public @main(%0: tensor<5x2xf32>, %1: tensor<3xui32>) -> (tensor<3x2xf32>, tensor<i1>) {
    %2 = stablehlo.constant dense<5> : tensor<ui32>
    %3 = stablehlo.broadcast_in_dim %2, dims = [] : (tensor<ui32>) -> tensor<3xui32>
    %4 = stablehlo.compare GE, %1, %3, UNSIGNED : (tensor<3xui32>, tensor<3xui32>) -> tensor<3xi1>
    %5 = stablehlo.constant dense<0> : tensor<ui32>
    %6 = stablehlo.broadcast_in_dim %5, dims = [] : (tensor<ui32>) -> tensor<3xui32>
    %7 = stablehlo.select %4, %6, %1 : tensor<3xi1>, tensor<3xui32>
    %8 = stablehlo.constant dense<false> : tensor<i1>
    %9 = stablehlo.reduce(%4 init: %8) applies stablehlo.or across dimensions = [0] : (tensor<3xi1>, tensor<i1>) -> tensor<i1>
    %10 = stablehlo.convert %7 : (tensor<3xui32>) -> tensor<3xi32>
    %11 = "stablehlo.gather"(%0, %10) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, slice_sizes = array<i64: 1, 2>, indices_are_sorted = false}> : (tensor<5x2xf32>, tensor<3xi32>) -> tensor<3x2xf32>
    return %11, %9 : tensor<3x2xf32>, tensor<i1>
  }
}

