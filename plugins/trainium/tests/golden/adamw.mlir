// AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.1, masters: false, lr: 0.01, step: 3 } of f32[] f32[2] f32[2] f32[2] f32[2]
module @scaledown {
  func.func public @main(%0: tensor<f32>, %1: tensor<2xf32>, %2: tensor<2xf32>, %3: tensor<2xf32>, %4: tensor<2xf32>, %5: tensor<3xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
    %6 = stablehlo.slice %5 [0:1] : (tensor<3xf32>) -> tensor<1xf32>
    %7 = stablehlo.reshape %6 : (tensor<1xf32>) -> tensor<f32>
    %8 = stablehlo.slice %5 [1:2] : (tensor<3xf32>) -> tensor<1xf32>
    %9 = stablehlo.reshape %8 : (tensor<1xf32>) -> tensor<f32>
    %10 = stablehlo.slice %5 [2:3] : (tensor<3xf32>) -> tensor<1xf32>
    %11 = stablehlo.reshape %10 : (tensor<1xf32>) -> tensor<f32>
    %12 = stablehlo.compare EQ, %0, %0, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %13 = stablehlo.broadcast_in_dim %12, dims = [] : (tensor<i1>) -> tensor<2xi1>
    %14 = stablehlo.broadcast_in_dim %0, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %15 = stablehlo.multiply %2, %14 : tensor<2xf32>
    %16 = stablehlo.constant dense<0x3F666666> : tensor<f32>
    %17 = stablehlo.constant dense<0x3DCCCCCD> : tensor<f32>
    %18 = stablehlo.broadcast_in_dim %16, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %19 = stablehlo.multiply %3, %18 : tensor<2xf32>
    %20 = stablehlo.broadcast_in_dim %17, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %21 = stablehlo.multiply %15, %20 : tensor<2xf32>
    %22 = stablehlo.add %19, %21 : tensor<2xf32>
    %23 = stablehlo.multiply %15, %15 : tensor<2xf32>
    %24 = stablehlo.constant dense<0x3F7FBE77> : tensor<f32>
    %25 = stablehlo.constant dense<0x3A83126F> : tensor<f32>
    %26 = stablehlo.broadcast_in_dim %24, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %27 = stablehlo.multiply %4, %26 : tensor<2xf32>
    %28 = stablehlo.broadcast_in_dim %25, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %29 = stablehlo.multiply %23, %28 : tensor<2xf32>
    %30 = stablehlo.add %27, %29 : tensor<2xf32>
    %31 = stablehlo.sqrt %30 : tensor<2xf32>
    %32 = stablehlo.broadcast_in_dim %11, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %33 = stablehlo.multiply %31, %32 : tensor<2xf32>
    %34 = stablehlo.constant dense<0x322BCC77> : tensor<f32>
    %35 = stablehlo.broadcast_in_dim %34, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %36 = stablehlo.add %33, %35 : tensor<2xf32>
    %37 = stablehlo.broadcast_in_dim %7, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %38 = stablehlo.multiply %1, %37 : tensor<2xf32>
    %39 = stablehlo.divide %22, %36 : tensor<2xf32>
    %40 = stablehlo.broadcast_in_dim %9, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %41 = stablehlo.multiply %39, %40 : tensor<2xf32>
    %42 = stablehlo.subtract %38, %41 : tensor<2xf32>
    %43 = stablehlo.select %13, %42, %1 : tensor<2xi1>, tensor<2xf32>
    %44 = stablehlo.select %13, %43, %1 : tensor<2xi1>, tensor<2xf32>
    %45 = stablehlo.select %13, %22, %3 : tensor<2xi1>, tensor<2xf32>
    %46 = stablehlo.select %13, %30, %4 : tensor<2xi1>, tensor<2xf32>
    return %44, %45, %46 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  }
}

// AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.1, masters: true, lr: 0.01, step: 3 } of f32[] bf16[2] bf16[2] f32[2] f32[2] f32[2]
module @scaledown {
  func.func public @main(%0: tensor<f32>, %1: tensor<2xbf16>, %2: tensor<2xbf16>, %3: tensor<2xf32>, %4: tensor<2xf32>, %5: tensor<2xf32>, %6: tensor<3xf32>) -> (tensor<2xbf16>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
    %7 = stablehlo.slice %6 [0:1] : (tensor<3xf32>) -> tensor<1xf32>
    %8 = stablehlo.reshape %7 : (tensor<1xf32>) -> tensor<f32>
    %9 = stablehlo.slice %6 [1:2] : (tensor<3xf32>) -> tensor<1xf32>
    %10 = stablehlo.reshape %9 : (tensor<1xf32>) -> tensor<f32>
    %11 = stablehlo.slice %6 [2:3] : (tensor<3xf32>) -> tensor<1xf32>
    %12 = stablehlo.reshape %11 : (tensor<1xf32>) -> tensor<f32>
    %13 = stablehlo.compare EQ, %0, %0, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %14 = stablehlo.broadcast_in_dim %13, dims = [] : (tensor<i1>) -> tensor<2xi1>
    %15 = stablehlo.convert %2 : (tensor<2xbf16>) -> tensor<2xf32>
    %16 = stablehlo.broadcast_in_dim %0, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %17 = stablehlo.multiply %15, %16 : tensor<2xf32>
    %18 = stablehlo.constant dense<0x3F666666> : tensor<f32>
    %19 = stablehlo.constant dense<0x3DCCCCCD> : tensor<f32>
    %20 = stablehlo.broadcast_in_dim %18, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %21 = stablehlo.multiply %3, %20 : tensor<2xf32>
    %22 = stablehlo.broadcast_in_dim %19, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %23 = stablehlo.multiply %17, %22 : tensor<2xf32>
    %24 = stablehlo.add %21, %23 : tensor<2xf32>
    %25 = stablehlo.multiply %17, %17 : tensor<2xf32>
    %26 = stablehlo.constant dense<0x3F7FBE77> : tensor<f32>
    %27 = stablehlo.constant dense<0x3A83126F> : tensor<f32>
    %28 = stablehlo.broadcast_in_dim %26, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %29 = stablehlo.multiply %4, %28 : tensor<2xf32>
    %30 = stablehlo.broadcast_in_dim %27, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %31 = stablehlo.multiply %25, %30 : tensor<2xf32>
    %32 = stablehlo.add %29, %31 : tensor<2xf32>
    %33 = stablehlo.sqrt %32 : tensor<2xf32>
    %34 = stablehlo.broadcast_in_dim %12, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %35 = stablehlo.multiply %33, %34 : tensor<2xf32>
    %36 = stablehlo.constant dense<0x322BCC77> : tensor<f32>
    %37 = stablehlo.broadcast_in_dim %36, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %38 = stablehlo.add %35, %37 : tensor<2xf32>
    %39 = stablehlo.broadcast_in_dim %8, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %40 = stablehlo.multiply %5, %39 : tensor<2xf32>
    %41 = stablehlo.divide %24, %38 : tensor<2xf32>
    %42 = stablehlo.broadcast_in_dim %10, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %43 = stablehlo.multiply %41, %42 : tensor<2xf32>
    %44 = stablehlo.subtract %40, %43 : tensor<2xf32>
    %45 = stablehlo.select %14, %44, %5 : tensor<2xi1>, tensor<2xf32>
    %46 = stablehlo.convert %45 : (tensor<2xf32>) -> tensor<2xbf16>
    %47 = stablehlo.select %14, %46, %1 : tensor<2xi1>, tensor<2xbf16>
    %48 = stablehlo.select %14, %24, %3 : tensor<2xi1>, tensor<2xf32>
    %49 = stablehlo.select %14, %32, %4 : tensor<2xi1>, tensor<2xf32>
    return %47, %48, %49, %45 : tensor<2xbf16>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  }
}

