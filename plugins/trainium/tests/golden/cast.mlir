// Cast { dtype: BF16 } of f32[2]
module @scaledown {
  func.func public @main(%0: tensor<2xf32>) -> (tensor<2xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<2xf32>) -> tensor<2xbf16>
    return %1 : tensor<2xbf16>
  }
}

// Cast { dtype: Bool } of f32[2]
module @scaledown {
  func.func public @main(%0: tensor<2xf32>) -> (tensor<2xi1>) {
    %1 = stablehlo.constant dense<0x00000000> : tensor<f32>
    %2 = stablehlo.broadcast_in_dim %1, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %3 = stablehlo.compare NE, %0, %2, FLOAT : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
    return %3 : tensor<2xi1>
  }
}

// Cast { dtype: I64 } of f16[2]
module @scaledown {
  func.func public @main(%0: tensor<2xf16>) -> (tensor<2xi32>) {
    %1 = stablehlo.convert %0 : (tensor<2xf16>) -> tensor<2xf32>
    %2 = stablehlo.convert %1 : (tensor<2xf32>) -> tensor<2xi32>
    %3 = stablehlo.constant dense<0xCF000000> : tensor<f32>
    %4 = stablehlo.constant dense<0x4F000000> : tensor<f32>
    %5 = stablehlo.constant dense<-2147483648> : tensor<i32>
    %6 = stablehlo.constant dense<2147483647> : tensor<i32>
    %7 = stablehlo.constant dense<0> : tensor<i32>
    %8 = stablehlo.broadcast_in_dim %3, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %9 = stablehlo.compare LE, %1, %8, FLOAT : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
    %10 = stablehlo.broadcast_in_dim %4, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %11 = stablehlo.compare GE, %1, %10, FLOAT : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
    %12 = stablehlo.compare NE, %1, %1, FLOAT : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
    %13 = stablehlo.broadcast_in_dim %5, dims = [] : (tensor<i32>) -> tensor<2xi32>
    %14 = stablehlo.select %9, %13, %2 : tensor<2xi1>, tensor<2xi32>
    %15 = stablehlo.broadcast_in_dim %6, dims = [] : (tensor<i32>) -> tensor<2xi32>
    %16 = stablehlo.select %11, %15, %14 : tensor<2xi1>, tensor<2xi32>
    %17 = stablehlo.broadcast_in_dim %7, dims = [] : (tensor<i32>) -> tensor<2xi32>
    %18 = stablehlo.select %12, %17, %16 : tensor<2xi1>, tensor<2xi32>
    return %18 : tensor<2xi32>
  }
}

// Cast { dtype: U32 } of f32[2]
module @scaledown {
  func.func public @main(%0: tensor<2xf32>) -> (tensor<2xui32>) {
    %1 = stablehlo.convert %0 : (tensor<2xf32>) -> tensor<2xui32>
    %2 = stablehlo.constant dense<0x00000000> : tensor<f32>
    %3 = stablehlo.constant dense<0x4F800000> : tensor<f32>
    %4 = stablehlo.constant dense<0> : tensor<ui32>
    %5 = stablehlo.constant dense<4294967295> : tensor<ui32>
    %6 = stablehlo.constant dense<0> : tensor<ui32>
    %7 = stablehlo.broadcast_in_dim %2, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %8 = stablehlo.compare LE, %0, %7, FLOAT : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
    %9 = stablehlo.broadcast_in_dim %3, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %10 = stablehlo.compare GE, %0, %9, FLOAT : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
    %11 = stablehlo.compare NE, %0, %0, FLOAT : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
    %12 = stablehlo.broadcast_in_dim %4, dims = [] : (tensor<ui32>) -> tensor<2xui32>
    %13 = stablehlo.select %8, %12, %1 : tensor<2xi1>, tensor<2xui32>
    %14 = stablehlo.broadcast_in_dim %5, dims = [] : (tensor<ui32>) -> tensor<2xui32>
    %15 = stablehlo.select %10, %14, %13 : tensor<2xi1>, tensor<2xui32>
    %16 = stablehlo.broadcast_in_dim %6, dims = [] : (tensor<ui32>) -> tensor<2xui32>
    %17 = stablehlo.select %11, %16, %15 : tensor<2xi1>, tensor<2xui32>
    return %17 : tensor<2xui32>
  }
}

// Cast { dtype: U32 } of i64[2]
module @scaledown {
  func.func public @main(%0: tensor<2xi32>) -> (tensor<2xui32>) {
    %1 = stablehlo.convert %0 : (tensor<2xi32>) -> tensor<2xui32>
    return %1 : tensor<2xui32>
  }
}

// Cast { dtype: F32 } of bool[2]
module @scaledown {
  func.func public @main(%0: tensor<2xi1>) -> (tensor<2xf32>) {
    %1 = stablehlo.convert %0 : (tensor<2xi1>) -> tensor<2xf32>
    return %1 : tensor<2xf32>
  }
}

