// TopK { k: 2 } of f32[2, 5]
module @scaledown {
  func.func public @main(%0: tensor<2x5xf32>) -> (tensor<2x2xf32>, tensor<2x2xi32>) {
    %1 = stablehlo.constant dense<0xFF800000> : tensor<f32>
    %2 = stablehlo.constant dense<false> : tensor<i1>
    %3 = stablehlo.iota dim = 1 : tensor<2x5xi32>
    %4 = stablehlo.constant dense<true> : tensor<i1>
    %5 = stablehlo.broadcast_in_dim %4, dims = [] : (tensor<i1>) -> tensor<2x5xi1>
    %6 = stablehlo.broadcast_in_dim %1, dims = [] : (tensor<f32>) -> tensor<2x5xf32>
    %7 = stablehlo.select %5, %0, %6 : tensor<2x5xi1>, tensor<2x5xf32>
    %8 = stablehlo.constant dense<0xFF800000> : tensor<f32>
    %9 = stablehlo.reduce(%7 init: %8) applies stablehlo.maximum across dimensions = [1] : (tensor<2x5xf32>, tensor<f32>) -> tensor<2xf32>
    %10 = stablehlo.reshape %9 : (tensor<2xf32>) -> tensor<2x1xf32>
    %11 = stablehlo.broadcast_in_dim %10, dims = [0, 1] : (tensor<2x1xf32>) -> tensor<2x5xf32>
    %12 = stablehlo.compare EQ, %7, %11, FLOAT : (tensor<2x5xf32>, tensor<2x5xf32>) -> tensor<2x5xi1>
    %13 = stablehlo.compare NE, %7, %7, FLOAT : (tensor<2x5xf32>, tensor<2x5xf32>) -> tensor<2x5xi1>
    %14 = stablehlo.or %12, %13 : tensor<2x5xi1>
    %15 = stablehlo.and %14, %5 : tensor<2x5xi1>
    %16 = stablehlo.iota dim = 1 : tensor<2x5xi32>
    %17 = stablehlo.constant dense<2147483647> : tensor<i32>
    %18 = stablehlo.broadcast_in_dim %17, dims = [] : (tensor<i32>) -> tensor<2x5xi32>
    %19 = stablehlo.select %15, %16, %18 : tensor<2x5xi1>, tensor<2x5xi32>
    %20 = stablehlo.reduce(%19 init: %17) applies stablehlo.minimum across dimensions = [1] : (tensor<2x5xi32>, tensor<i32>) -> tensor<2xi32>
    %21 = stablehlo.reshape %20 : (tensor<2xi32>) -> tensor<2x1xi32>
    %22 = stablehlo.broadcast_in_dim %21, dims = [0, 1] : (tensor<2x1xi32>) -> tensor<2x5xi32>
    %23 = stablehlo.compare EQ, %3, %22, SIGNED : (tensor<2x5xi32>, tensor<2x5xi32>) -> tensor<2x5xi1>
    %24 = stablehlo.broadcast_in_dim %2, dims = [] : (tensor<i1>) -> tensor<2x5xi1>
    %25 = stablehlo.select %23, %24, %5 : tensor<2x5xi1>, tensor<2x5xi1>
    %26 = stablehlo.broadcast_in_dim %1, dims = [] : (tensor<f32>) -> tensor<2x5xf32>
    %27 = stablehlo.select %25, %0, %26 : tensor<2x5xi1>, tensor<2x5xf32>
    %28 = stablehlo.constant dense<0xFF800000> : tensor<f32>
    %29 = stablehlo.reduce(%27 init: %28) applies stablehlo.maximum across dimensions = [1] : (tensor<2x5xf32>, tensor<f32>) -> tensor<2xf32>
    %30 = stablehlo.reshape %29 : (tensor<2xf32>) -> tensor<2x1xf32>
    %31 = stablehlo.broadcast_in_dim %30, dims = [0, 1] : (tensor<2x1xf32>) -> tensor<2x5xf32>
    %32 = stablehlo.compare EQ, %27, %31, FLOAT : (tensor<2x5xf32>, tensor<2x5xf32>) -> tensor<2x5xi1>
    %33 = stablehlo.compare NE, %27, %27, FLOAT : (tensor<2x5xf32>, tensor<2x5xf32>) -> tensor<2x5xi1>
    %34 = stablehlo.or %32, %33 : tensor<2x5xi1>
    %35 = stablehlo.and %34, %25 : tensor<2x5xi1>
    %36 = stablehlo.iota dim = 1 : tensor<2x5xi32>
    %37 = stablehlo.constant dense<2147483647> : tensor<i32>
    %38 = stablehlo.broadcast_in_dim %37, dims = [] : (tensor<i32>) -> tensor<2x5xi32>
    %39 = stablehlo.select %35, %36, %38 : tensor<2x5xi1>, tensor<2x5xi32>
    %40 = stablehlo.reduce(%39 init: %37) applies stablehlo.minimum across dimensions = [1] : (tensor<2x5xi32>, tensor<i32>) -> tensor<2xi32>
    %41 = stablehlo.reshape %40 : (tensor<2xi32>) -> tensor<2x1xi32>
    %42 = stablehlo.broadcast_in_dim %41, dims = [0, 1] : (tensor<2x1xi32>) -> tensor<2x5xi32>
    %43 = stablehlo.compare EQ, %3, %42, SIGNED : (tensor<2x5xi32>, tensor<2x5xi32>) -> tensor<2x5xi1>
    %44 = stablehlo.broadcast_in_dim %2, dims = [] : (tensor<i1>) -> tensor<2x5xi1>
    %45 = stablehlo.select %43, %44, %25 : tensor<2x5xi1>, tensor<2x5xi1>
    %46 = stablehlo.concatenate %10, %30, dim = 1 : (tensor<2x1xf32>, tensor<2x1xf32>) -> tensor<2x2xf32>
    %47 = stablehlo.concatenate %21, %41, dim = 1 : (tensor<2x1xi32>, tensor<2x1xi32>) -> tensor<2x2xi32>
    return %46, %47 : tensor<2x2xf32>, tensor<2x2xi32>
  }
}

// TopK { k: 40 } of f32[50]
module @scaledown {
  func.func public @main(%0: tensor<50xf32>) -> (tensor<40xf32>, tensor<40xi32>) {
    %1 = stablehlo.reshape %0 : (tensor<50xf32>) -> tensor<1x50xf32>
    %2 = stablehlo.reshape %1 : (tensor<1x50xf32>) -> tensor<1x50x1xf32>
    %3 = stablehlo.reshape %1 : (tensor<1x50xf32>) -> tensor<1x1x50xf32>
    %4 = stablehlo.broadcast_in_dim %2, dims = [0, 1, 2] : (tensor<1x50x1xf32>) -> tensor<1x50x50xf32>
    %5 = stablehlo.broadcast_in_dim %3, dims = [0, 1, 2] : (tensor<1x1x50xf32>) -> tensor<1x50x50xf32>
    %6 = stablehlo.iota dim = 1 : tensor<1x50x50xi32>
    %7 = stablehlo.iota dim = 2 : tensor<1x50x50xi32>
    %8 = stablehlo.compare NE, %4, %4, FLOAT : (tensor<1x50x50xf32>, tensor<1x50x50xf32>) -> tensor<1x50x50xi1>
    %9 = stablehlo.compare NE, %5, %5, FLOAT : (tensor<1x50x50xf32>, tensor<1x50x50xf32>) -> tensor<1x50x50xi1>
    %10 = stablehlo.compare GT, %5, %4, FLOAT : (tensor<1x50x50xf32>, tensor<1x50x50xf32>) -> tensor<1x50x50xi1>
    %11 = stablehlo.and %8, %9 : tensor<1x50x50xi1>
    %12 = stablehlo.compare EQ, %5, %4, FLOAT : (tensor<1x50x50xf32>, tensor<1x50x50xf32>) -> tensor<1x50x50xi1>
    %13 = stablehlo.or %11, %12 : tensor<1x50x50xi1>
    %14 = stablehlo.compare LT, %7, %6, SIGNED : (tensor<1x50x50xi32>, tensor<1x50x50xi32>) -> tensor<1x50x50xi1>
    %15 = stablehlo.and %13, %14 : tensor<1x50x50xi1>
    %16 = stablehlo.xor %11, %9 : tensor<1x50x50xi1>
    %17 = stablehlo.or %10, %15 : tensor<1x50x50xi1>
    %18 = stablehlo.or %17, %16 : tensor<1x50x50xi1>
    %19 = stablehlo.convert %18 : (tensor<1x50x50xi1>) -> tensor<1x50x50xi32>
    %20 = stablehlo.constant dense<0> : tensor<i32>
    %21 = stablehlo.reduce(%19 init: %20) applies stablehlo.add across dimensions = [2] : (tensor<1x50x50xi32>, tensor<i32>) -> tensor<1x50xi32>
    %22 = stablehlo.reshape %21 : (tensor<1x50xi32>) -> tensor<1x1x50xi32>
    %23 = stablehlo.broadcast_in_dim %22, dims = [0, 1, 2] : (tensor<1x1x50xi32>) -> tensor<1x40x50xi32>
    %24 = stablehlo.iota dim = 1 : tensor<1x40x50xi32>
    %25 = stablehlo.compare EQ, %23, %24, SIGNED : (tensor<1x40x50xi32>, tensor<1x40x50xi32>) -> tensor<1x40x50xi1>
    %26 = stablehlo.iota dim = 2 : tensor<1x40x50xi32>
    %27 = stablehlo.constant dense<2147483647> : tensor<i32>
    %28 = stablehlo.broadcast_in_dim %27, dims = [] : (tensor<i32>) -> tensor<1x40x50xi32>
    %29 = stablehlo.select %25, %26, %28 : tensor<1x40x50xi1>, tensor<1x40x50xi32>
    %30 = stablehlo.reduce(%29 init: %27) applies stablehlo.minimum across dimensions = [2] : (tensor<1x40x50xi32>, tensor<i32>) -> tensor<1x40xi32>
    %31 = stablehlo.reshape %1 : (tensor<1x50xf32>) -> tensor<1x1x50xf32>
    %32 = stablehlo.broadcast_in_dim %31, dims = [0, 1, 2] : (tensor<1x1x50xf32>) -> tensor<1x40x50xf32>
    %33 = stablehlo.constant dense<0xFF800000> : tensor<f32>
    %34 = stablehlo.broadcast_in_dim %33, dims = [] : (tensor<f32>) -> tensor<1x40x50xf32>
    %35 = stablehlo.select %25, %32, %34 : tensor<1x40x50xi1>, tensor<1x40x50xf32>
    %36 = stablehlo.reduce(%35 init: %33) applies stablehlo.maximum across dimensions = [2] : (tensor<1x40x50xf32>, tensor<f32>) -> tensor<1x40xf32>
    %37 = stablehlo.reshape %36 : (tensor<1x40xf32>) -> tensor<40xf32>
    %38 = stablehlo.reshape %30 : (tensor<1x40xi32>) -> tensor<40xi32>
    return %37, %38 : tensor<40xf32>, tensor<40xi32>
  }
}

