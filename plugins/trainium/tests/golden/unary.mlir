// Unary(Neg) of f32[3]
module @scaledown {
  func.func public @main(%0: tensor<3xf32>) -> (tensor<3xf32>) {
    %1 = stablehlo.negate %0 : tensor<3xf32>
    return %1 : tensor<3xf32>
  }
}

// Unary(Abs) of f32[3]
module @scaledown {
  func.func public @main(%0: tensor<3xf32>) -> (tensor<3xf32>) {
    %1 = stablehlo.abs %0 : tensor<3xf32>
    return %1 : tensor<3xf32>
  }
}

// Unary(Square) of f32[3]
module @scaledown {
  func.func public @main(%0: tensor<3xf32>) -> (tensor<3xf32>) {
    %1 = stablehlo.multiply %0, %0 : tensor<3xf32>
    return %1 : tensor<3xf32>
  }
}

// Unary(Sqrt) of f32[3]
module @scaledown {
  func.func public @main(%0: tensor<3xf32>) -> (tensor<3xf32>) {
    %1 = stablehlo.sqrt %0 : tensor<3xf32>
    return %1 : tensor<3xf32>
  }
}

// Unary(Rsqrt) of f32[3]
module @scaledown {
  func.func public @main(%0: tensor<3xf32>) -> (tensor<3xf32>) {
    %1 = stablehlo.rsqrt %0 : tensor<3xf32>
    return %1 : tensor<3xf32>
  }
}

// Unary(Recip) of f32[3]
module @scaledown {
  func.func public @main(%0: tensor<3xf32>) -> (tensor<3xf32>) {
    %1 = stablehlo.constant dense<0x3F800000> : tensor<f32>
    %2 = stablehlo.broadcast_in_dim %1, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %3 = stablehlo.divide %2, %0 : tensor<3xf32>
    return %3 : tensor<3xf32>
  }
}

// Unary(Exp) of f32[3]
module @scaledown {
  func.func public @main(%0: tensor<3xf32>) -> (tensor<3xf32>) {
    %1 = stablehlo.exponential %0 : tensor<3xf32>
    return %1 : tensor<3xf32>
  }
}

// Unary(Log) of f32[3]
module @scaledown {
  func.func public @main(%0: tensor<3xf32>) -> (tensor<3xf32>) {
    %1 = stablehlo.log %0 : tensor<3xf32>
    return %1 : tensor<3xf32>
  }
}

// Unary(Sin) of f32[3]
module @scaledown {
  func.func public @main(%0: tensor<3xf32>) -> (tensor<3xf32>) {
    %1 = stablehlo.sine %0 : tensor<3xf32>
    return %1 : tensor<3xf32>
  }
}

// Unary(Cos) of f32[3]
module @scaledown {
  func.func public @main(%0: tensor<3xf32>) -> (tensor<3xf32>) {
    %1 = stablehlo.cosine %0 : tensor<3xf32>
    return %1 : tensor<3xf32>
  }
}

// Unary(Tanh) of f32[3]
module @scaledown {
  func.func public @main(%0: tensor<3xf32>) -> (tensor<3xf32>) {
    %1 = stablehlo.tanh %0 : tensor<3xf32>
    return %1 : tensor<3xf32>
  }
}

// Unary(Sigmoid) of f32[3]
module @scaledown {
  func.func public @main(%0: tensor<3xf32>) -> (tensor<3xf32>) {
    %1 = stablehlo.logistic %0 : tensor<3xf32>
    return %1 : tensor<3xf32>
  }
}

// Unary(Relu) of f32[3]
module @scaledown {
  func.func public @main(%0: tensor<3xf32>) -> (tensor<3xf32>) {
    %1 = stablehlo.constant dense<0x00000000> : tensor<f32>
    %2 = stablehlo.broadcast_in_dim %1, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %3 = stablehlo.maximum %0, %2 : tensor<3xf32>
    return %3 : tensor<3xf32>
  }
}

// Unary(Silu) of f32[3]
module @scaledown {
  func.func public @main(%0: tensor<3xf32>) -> (tensor<3xf32>) {
    %1 = stablehlo.logistic %0 : tensor<3xf32>
    %2 = stablehlo.multiply %0, %1 : tensor<3xf32>
    return %2 : tensor<3xf32>
  }
}

// Unary(Gelu) of f32[3]
module @scaledown {
  func.func public @main(%0: tensor<3xf32>) -> (tensor<3xf32>) {
    %1 = stablehlo.constant dense<0x3F3504F3> : tensor<f32>
    %2 = stablehlo.broadcast_in_dim %1, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %3 = stablehlo.multiply %0, %2 : tensor<3xf32>
    %4 = stablehlo.constant dense<0xC07547CB> : tensor<f32>
    %5 = stablehlo.constant dense<0x407547CB> : tensor<f32>
    %6 = stablehlo.broadcast_in_dim %4, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %7 = stablehlo.maximum %3, %6 : tensor<3xf32>
    %8 = stablehlo.broadcast_in_dim %5, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %9 = stablehlo.minimum %7, %8 : tensor<3xf32>
    %10 = stablehlo.multiply %9, %9 : tensor<3xf32>
    %11 = stablehlo.constant dense<0xAF95DF0B> : tensor<f32>
    %12 = stablehlo.constant dense<0x32EDFFEE> : tensor<f32>
    %13 = stablehlo.broadcast_in_dim %11, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %14 = stablehlo.multiply %13, %10 : tensor<3xf32>
    %15 = stablehlo.broadcast_in_dim %12, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %16 = stablehlo.add %14, %15 : tensor<3xf32>
    %17 = stablehlo.constant dense<0xB60CFF51> : tensor<f32>
    %18 = stablehlo.multiply %16, %10 : tensor<3xf32>
    %19 = stablehlo.broadcast_in_dim %17, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %20 = stablehlo.add %18, %19 : tensor<3xf32>
    %21 = stablehlo.constant dense<0xB86EC2D2> : tensor<f32>
    %22 = stablehlo.multiply %20, %10 : tensor<3xf32>
    %23 = stablehlo.broadcast_in_dim %21, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %24 = stablehlo.add %22, %23 : tensor<3xf32>
    %25 = stablehlo.constant dense<0xBA40AC63> : tensor<f32>
    %26 = stablehlo.multiply %24, %10 : tensor<3xf32>
    %27 = stablehlo.broadcast_in_dim %25, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %28 = stablehlo.add %26, %27 : tensor<3xf32>
    %29 = stablehlo.constant dense<0xBB41A1F6> : tensor<f32>
    %30 = stablehlo.multiply %28, %10 : tensor<3xf32>
    %31 = stablehlo.broadcast_in_dim %29, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %32 = stablehlo.add %30, %31 : tensor<3xf32>
    %33 = stablehlo.constant dense<0xBC83DBD4> : tensor<f32>
    %34 = stablehlo.multiply %32, %10 : tensor<3xf32>
    %35 = stablehlo.broadcast_in_dim %33, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %36 = stablehlo.add %34, %35 : tensor<3xf32>
    %37 = stablehlo.constant dense<0xB77460CD> : tensor<f32>
    %38 = stablehlo.constant dense<0xB95FBD29> : tensor<f32>
    %39 = stablehlo.broadcast_in_dim %37, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %40 = stablehlo.multiply %39, %10 : tensor<3xf32>
    %41 = stablehlo.broadcast_in_dim %38, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %42 = stablehlo.add %40, %41 : tensor<3xf32>
    %43 = stablehlo.constant dense<0xBADC924E> : tensor<f32>
    %44 = stablehlo.multiply %42, %10 : tensor<3xf32>
    %45 = stablehlo.broadcast_in_dim %43, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %46 = stablehlo.add %44, %45 : tensor<3xf32>
    %47 = stablehlo.constant dense<0xBBF19BF8> : tensor<f32>
    %48 = stablehlo.multiply %46, %10 : tensor<3xf32>
    %49 = stablehlo.broadcast_in_dim %47, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %50 = stablehlo.add %48, %49 : tensor<3xf32>
    %51 = stablehlo.constant dense<0xBC69B6A7> : tensor<f32>
    %52 = stablehlo.multiply %50, %10 : tensor<3xf32>
    %53 = stablehlo.broadcast_in_dim %51, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %54 = stablehlo.add %52, %53 : tensor<3xf32>
    %55 = stablehlo.multiply %9, %36 : tensor<3xf32>
    %56 = stablehlo.divide %55, %54 : tensor<3xf32>
    %57 = stablehlo.constant dense<0x3F800000> : tensor<f32>
    %58 = stablehlo.constant dense<0x3F000000> : tensor<f32>
    %59 = stablehlo.broadcast_in_dim %57, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %60 = stablehlo.add %56, %59 : tensor<3xf32>
    %61 = stablehlo.broadcast_in_dim %58, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %62 = stablehlo.multiply %0, %61 : tensor<3xf32>
    %63 = stablehlo.multiply %62, %60 : tensor<3xf32>
    return %63 : tensor<3xf32>
  }
}

// Unary(GeluTanh) of f32[3]
module @scaledown {
  func.func public @main(%0: tensor<3xf32>) -> (tensor<3xf32>) {
    %1 = stablehlo.multiply %0, %0 : tensor<3xf32>
    %2 = stablehlo.multiply %1, %0 : tensor<3xf32>
    %3 = stablehlo.constant dense<0x3D372713> : tensor<f32>
    %4 = stablehlo.broadcast_in_dim %3, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %5 = stablehlo.multiply %2, %4 : tensor<3xf32>
    %6 = stablehlo.add %0, %5 : tensor<3xf32>
    %7 = stablehlo.constant dense<0x3F4C422A> : tensor<f32>
    %8 = stablehlo.broadcast_in_dim %7, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %9 = stablehlo.multiply %6, %8 : tensor<3xf32>
    %10 = stablehlo.tanh %9 : tensor<3xf32>
    %11 = stablehlo.constant dense<0x3F800000> : tensor<f32>
    %12 = stablehlo.constant dense<0x3F000000> : tensor<f32>
    %13 = stablehlo.broadcast_in_dim %11, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %14 = stablehlo.add %10, %13 : tensor<3xf32>
    %15 = stablehlo.broadcast_in_dim %12, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %16 = stablehlo.multiply %0, %15 : tensor<3xf32>
    %17 = stablehlo.multiply %16, %14 : tensor<3xf32>
    return %17 : tensor<3xf32>
  }
}

// Unary(Erf) of f32[3]
module @scaledown {
  func.func public @main(%0: tensor<3xf32>) -> (tensor<3xf32>) {
    %1 = stablehlo.constant dense<0xC07547CB> : tensor<f32>
    %2 = stablehlo.constant dense<0x407547CB> : tensor<f32>
    %3 = stablehlo.broadcast_in_dim %1, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %4 = stablehlo.maximum %0, %3 : tensor<3xf32>
    %5 = stablehlo.broadcast_in_dim %2, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %6 = stablehlo.minimum %4, %5 : tensor<3xf32>
    %7 = stablehlo.multiply %6, %6 : tensor<3xf32>
    %8 = stablehlo.constant dense<0xAF95DF0B> : tensor<f32>
    %9 = stablehlo.constant dense<0x32EDFFEE> : tensor<f32>
    %10 = stablehlo.broadcast_in_dim %8, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %11 = stablehlo.multiply %10, %7 : tensor<3xf32>
    %12 = stablehlo.broadcast_in_dim %9, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %13 = stablehlo.add %11, %12 : tensor<3xf32>
    %14 = stablehlo.constant dense<0xB60CFF51> : tensor<f32>
    %15 = stablehlo.multiply %13, %7 : tensor<3xf32>
    %16 = stablehlo.broadcast_in_dim %14, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %17 = stablehlo.add %15, %16 : tensor<3xf32>
    %18 = stablehlo.constant dense<0xB86EC2D2> : tensor<f32>
    %19 = stablehlo.multiply %17, %7 : tensor<3xf32>
    %20 = stablehlo.broadcast_in_dim %18, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %21 = stablehlo.add %19, %20 : tensor<3xf32>
    %22 = stablehlo.constant dense<0xBA40AC63> : tensor<f32>
    %23 = stablehlo.multiply %21, %7 : tensor<3xf32>
    %24 = stablehlo.broadcast_in_dim %22, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %25 = stablehlo.add %23, %24 : tensor<3xf32>
    %26 = stablehlo.constant dense<0xBB41A1F6> : tensor<f32>
    %27 = stablehlo.multiply %25, %7 : tensor<3xf32>
    %28 = stablehlo.broadcast_in_dim %26, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %29 = stablehlo.add %27, %28 : tensor<3xf32>
    %30 = stablehlo.constant dense<0xBC83DBD4> : tensor<f32>
    %31 = stablehlo.multiply %29, %7 : tensor<3xf32>
    %32 = stablehlo.broadcast_in_dim %30, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %33 = stablehlo.add %31, %32 : tensor<3xf32>
    %34 = stablehlo.constant dense<0xB77460CD> : tensor<f32>
    %35 = stablehlo.constant dense<0xB95FBD29> : tensor<f32>
    %36 = stablehlo.broadcast_in_dim %34, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %37 = stablehlo.multiply %36, %7 : tensor<3xf32>
    %38 = stablehlo.broadcast_in_dim %35, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %39 = stablehlo.add %37, %38 : tensor<3xf32>
    %40 = stablehlo.constant dense<0xBADC924E> : tensor<f32>
    %41 = stablehlo.multiply %39, %7 : tensor<3xf32>
    %42 = stablehlo.broadcast_in_dim %40, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %43 = stablehlo.add %41, %42 : tensor<3xf32>
    %44 = stablehlo.constant dense<0xBBF19BF8> : tensor<f32>
    %45 = stablehlo.multiply %43, %7 : tensor<3xf32>
    %46 = stablehlo.broadcast_in_dim %44, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %47 = stablehlo.add %45, %46 : tensor<3xf32>
    %48 = stablehlo.constant dense<0xBC69B6A7> : tensor<f32>
    %49 = stablehlo.multiply %47, %7 : tensor<3xf32>
    %50 = stablehlo.broadcast_in_dim %48, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %51 = stablehlo.add %49, %50 : tensor<3xf32>
    %52 = stablehlo.multiply %6, %33 : tensor<3xf32>
    %53 = stablehlo.divide %52, %51 : tensor<3xf32>
    return %53 : tensor<3xf32>
  }
}

