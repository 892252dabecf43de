// EmbeddingBackward { rows: 5 } of bf16[3, 2] i64[3]
module @scaledown {
  func.func public @main(%0: tensor<3x2xbf16>, %1: tensor<3xi32>) -> (tensor<5x2xbf16>, tensor<i1>) {
    %2 = stablehlo.convert %0 : (tensor<3x2xbf16>) -> tensor<3x2xf32>
    %3 = stablehlo.constant dense<5> : tensor<i32>
    %4 = stablehlo.broadcast_in_dim %3, dims = [] : (tensor<i32>) -> tensor<3xi32>
    %5 = stablehlo.compare GE, %1, %4, SIGNED : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi1>
    %6 = stablehlo.constant dense<0> : tensor<i32>
    %7 = stablehlo.broadcast_in_dim %6, dims = [] : (tensor<i32>) -> tensor<3xi32>
    %8 = stablehlo.compare LT, %1, %7, SIGNED : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi1>
    %9 = stablehlo.or %5, %8 : tensor<3xi1>
    %10 = stablehlo.broadcast_in_dim %6, dims = [] : (tensor<i32>) -> tensor<3xi32>
    %11 = stablehlo.select %9, %10, %1 : tensor<3xi1>, tensor<3xi32>
    %12 = stablehlo.constant dense<false> : tensor<i1>
    %13 = stablehlo.reduce(%9 init: %12) applies stablehlo.or across dimensions = [0] : (tensor<3xi1>, tensor<i1>) -> tensor<i1>
    %14 = stablehlo.constant dense<0x00000000> : tensor<f32>
    %15 = stablehlo.broadcast_in_dim %14, dims = [] : (tensor<f32>) -> tensor<5x2xf32>
    %16 = "stablehlo.scatter"(%15, %11, %2) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>, indices_are_sorted = false, unique_indices = false}> ({
    ^bb0(%l: tensor<f32>, %r: tensor<f32>):
      %t = stablehlo.add %l, %r : tensor<f32>
      stablehlo.return %t : tensor<f32>
    }) : (tensor<5x2xf32>, tensor<3xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
    %17 = stablehlo.convert %16 : (tensor<5x2xf32>) -> tensor<5x2xbf16>
    return %17, %13 : tensor<5x2xbf16>, tensor<i1>
  }
}

