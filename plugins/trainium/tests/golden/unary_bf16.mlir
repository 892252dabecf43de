// Unary(Neg) of bf16[3]
module @scaledown {
  func.func public @main(%0: tensor<3xbf16>) -> (tensor<3xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<3xbf16>) -> tensor<3xf32>
    %2 = stablehlo.negate %1 : tensor<3xf32>
    %3 = stablehlo.convert %2 : (tensor<3xf32>) -> tensor<3xbf16>
    return %3 : tensor<3xbf16>
  }
}

// Unary(Abs) of bf16[3]
module @scaledown {
  func.func public @main(%0: tensor<3xbf16>) -> (tensor<3xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<3xbf16>) -> tensor<3xf32>
    %2 = stablehlo.abs %1 : tensor<3xf32>
    %3 = stablehlo.convert %2 : (tensor<3xf32>) -> tensor<3xbf16>
    return %3 : tensor<3xbf16>
  }
}

// Unary(Square) of bf16[3]
module @scaledown {
  func.func public @main(%0: tensor<3xbf16>) -> (tensor<3xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<3xbf16>) -> tensor<3xf32>
    %2 = stablehlo.multiply %1, %1 : tensor<3xf32>
    %3 = stablehlo.convert %2 : (tensor<3xf32>) -> tensor<3xbf16>
    return %3 : tensor<3xbf16>
  }
}

// Unary(Sqrt) of bf16[3]
module @scaledown {
  func.func public @main(%0: tensor<3xbf16>) -> (tensor<3xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<3xbf16>) -> tensor<3xf32>
    %2 = stablehlo.sqrt %1 : tensor<3xf32>
    %3 = stablehlo.convert %2 : (tensor<3xf32>) -> tensor<3xbf16>
    return %3 : tensor<3xbf16>
  }
}

// Unary(Rsqrt) of bf16[3]
module @scaledown {
  func.func public @main(%0: tensor<3xbf16>) -> (tensor<3xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<3xbf16>) -> tensor<3xf32>
    %2 = stablehlo.rsqrt %1 : tensor<3xf32>
    %3 = stablehlo.convert %2 : (tensor<3xf32>) -> tensor<3xbf16>
    return %3 : tensor<3xbf16>
  }
}

// Unary(Recip) of bf16[3]
module @scaledown {
  func.func public @main(%0: tensor<3xbf16>) -> (tensor<3xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<3xbf16>) -> tensor<3xf32>
    %2 = stablehlo.constant dense<0x3F800000> : tensor<f32>
    %3 = stablehlo.broadcast_in_dim %2, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %4 = stablehlo.divide %3, %1 : tensor<3xf32>
    %5 = stablehlo.convert %4 : (tensor<3xf32>) -> tensor<3xbf16>
    return %5 : tensor<3xbf16>
  }
}

// Unary(Exp) of bf16[3]
module @scaledown {
  func.func public @main(%0: tensor<3xbf16>) -> (tensor<3xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<3xbf16>) -> tensor<3xf32>
    %2 = stablehlo.exponential %1 : tensor<3xf32>
    %3 = stablehlo.convert %2 : (tensor<3xf32>) -> tensor<3xbf16>
    return %3 : tensor<3xbf16>
  }
}

// Unary(Log) of bf16[3]
module @scaledown {
  func.func public @main(%0: tensor<3xbf16>) -> (tensor<3xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<3xbf16>) -> tensor<3xf32>
    %2 = stablehlo.log %1 : tensor<3xf32>
    %3 = stablehlo.convert %2 : (tensor<3xf32>) -> tensor<3xbf16>
    return %3 : tensor<3xbf16>
  }
}

// Unary(Sin) of bf16[3]
module @scaledown {
  func.func public @main(%0: tensor<3xbf16>) -> (tensor<3xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<3xbf16>) -> tensor<3xf32>
    %2 = stablehlo.sine %1 : tensor<3xf32>
    %3 = stablehlo.convert %2 : (tensor<3xf32>) -> tensor<3xbf16>
    return %3 : tensor<3xbf16>
  }
}

// Unary(Cos) of bf16[3]
module @scaledown {
  func.func public @main(%0: tensor<3xbf16>) -> (tensor<3xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<3xbf16>) -> tensor<3xf32>
    %2 = stablehlo.cosine %1 : tensor<3xf32>
    %3 = stablehlo.convert %2 : (tensor<3xf32>) -> tensor<3xbf16>
    return %3 : tensor<3xbf16>
  }
}

// Unary(Tanh) of bf16[3]
module @scaledown {
  func.func public @main(%0: tensor<3xbf16>) -> (tensor<3xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<3xbf16>) -> tensor<3xf32>
    %2 = stablehlo.tanh %1 : tensor<3xf32>
    %3 = stablehlo.convert %2 : (tensor<3xf32>) -> tensor<3xbf16>
    return %3 : tensor<3xbf16>
  }
}

// Unary(Sigmoid) of bf16[3]
module @scaledown {
  func.func public @main(%0: tensor<3xbf16>) -> (tensor<3xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<3xbf16>) -> tensor<3xf32>
    %2 = stablehlo.logistic %1 : tensor<3xf32>
    %3 = stablehlo.convert %2 : (tensor<3xf32>) -> tensor<3xbf16>
    return %3 : tensor<3xbf16>
  }
}

// Unary(Relu) of bf16[3]
module @scaledown {
  func.func public @main(%0: tensor<3xbf16>) -> (tensor<3xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<3xbf16>) -> tensor<3xf32>
    %2 = stablehlo.constant dense<0x00000000> : tensor<f32>
    %3 = stablehlo.broadcast_in_dim %2, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %4 = stablehlo.maximum %1, %3 : tensor<3xf32>
    %5 = stablehlo.convert %4 : (tensor<3xf32>) -> tensor<3xbf16>
    return %5 : tensor<3xbf16>
  }
}

// Unary(Silu) of bf16[3]
module @scaledown {
  func.func public @main(%0: tensor<3xbf16>) -> (tensor<3xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<3xbf16>) -> tensor<3xf32>
    %2 = stablehlo.logistic %1 : tensor<3xf32>
    %3 = stablehlo.multiply %1, %2 : tensor<3xf32>
    %4 = stablehlo.convert %3 : (tensor<3xf32>) -> tensor<3xbf16>
    return %4 : tensor<3xbf16>
  }
}

// Unary(Gelu) of bf16[3]
module @scaledown {
  func.func public @main(%0: tensor<3xbf16>) -> (tensor<3xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<3xbf16>) -> tensor<3xf32>
    %2 = stablehlo.constant dense<0x3F3504F3> : tensor<f32>
    %3 = stablehlo.broadcast_in_dim %2, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %4 = stablehlo.multiply %1, %3 : tensor<3xf32>
    %5 = stablehlo.constant dense<0xC07547CB> : tensor<f32>
    %6 = stablehlo.constant dense<0x407547CB> : tensor<f32>
    %7 = stablehlo.broadcast_in_dim %5, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %8 = stablehlo.maximum %4, %7 : tensor<3xf32>
    %9 = stablehlo.broadcast_in_dim %6, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %10 = stablehlo.minimum %8, %9 : tensor<3xf32>
    %11 = stablehlo.multiply %10, %10 : tensor<3xf32>
    %12 = stablehlo.constant dense<0xAF95DF0B> : tensor<f32>
    %13 = stablehlo.constant dense<0x32EDFFEE> : tensor<f32>
    %14 = stablehlo.broadcast_in_dim %12, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %15 = stablehlo.multiply %14, %11 : tensor<3xf32>
    %16 = stablehlo.broadcast_in_dim %13, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %17 = stablehlo.add %15, %16 : tensor<3xf32>
    %18 = stablehlo.constant dense<0xB60CFF51> : tensor<f32>
    %19 = stablehlo.multiply %17, %11 : tensor<3xf32>
    %20 = stablehlo.broadcast_in_dim %18, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %21 = stablehlo.add %19, %20 : tensor<3xf32>
    %22 = stablehlo.constant dense<0xB86EC2D2> : tensor<f32>
    %23 = stablehlo.multiply %21, %11 : tensor<3xf32>
    %24 = stablehlo.broadcast_in_dim %22, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %25 = stablehlo.add %23, %24 : tensor<3xf32>
    %26 = stablehlo.constant dense<0xBA40AC63> : tensor<f32>
    %27 = stablehlo.multiply %25, %11 : tensor<3xf32>
    %28 = stablehlo.broadcast_in_dim %26, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %29 = stablehlo.add %27, %28 : tensor<3xf32>
    %30 = stablehlo.constant dense<0xBB41A1F6> : tensor<f32>
    %31 = stablehlo.multiply %29, %11 : tensor<3xf32>
    %32 = stablehlo.broadcast_in_dim %30, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %33 = stablehlo.add %31, %32 : tensor<3xf32>
    %34 = stablehlo.constant dense<0xBC83DBD4> : tensor<f32>
    %35 = stablehlo.multiply %33, %11 : tensor<3xf32>
    %36 = stablehlo.broadcast_in_dim %34, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %37 = stablehlo.add %35, %36 : tensor<3xf32>
    %38 = stablehlo.constant dense<0xB77460CD> : tensor<f32>
    %39 = stablehlo.constant dense<0xB95FBD29> : tensor<f32>
    %40 = stablehlo.broadcast_in_dim %38, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %41 = stablehlo.multiply %40, %11 : tensor<3xf32>
    %42 = stablehlo.broadcast_in_dim %39, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %43 = stablehlo.add %41, %42 : tensor<3xf32>
    %44 = stablehlo.constant dense<0xBADC924E> : tensor<f32>
    %45 = stablehlo.multiply %43, %11 : tensor<3xf32>
    %46 = stablehlo.broadcast_in_dim %44, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %47 = stablehlo.add %45, %46 : tensor<3xf32>
    %48 = stablehlo.constant dense<0xBBF19BF8> : tensor<f32>
    %49 = stablehlo.multiply %47, %11 : tensor<3xf32>
    %50 = stablehlo.broadcast_in_dim %48, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %51 = stablehlo.add %49, %50 : tensor<3xf32>
    %52 = stablehlo.constant dense<0xBC69B6A7> : tensor<f32>
    %53 = stablehlo.multiply %51, %11 : tensor<3xf32>
    %54 = stablehlo.broadcast_in_dim %52, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %55 = stablehlo.add %53, %54 : tensor<3xf32>
    %56 = stablehlo.multiply %10, %37 : tensor<3xf32>
    %57 = stablehlo.divide %56, %55 : tensor<3xf32>
    %58 = stablehlo.constant dense<0x3F800000> : tensor<f32>
    %59 = stablehlo.constant dense<0x3F000000> : tensor<f32>
    %60 = stablehlo.broadcast_in_dim %58, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %61 = stablehlo.add %57, %60 : tensor<3xf32>
    %62 = stablehlo.broadcast_in_dim %59, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %63 = stablehlo.multiply %1, %62 : tensor<3xf32>
    %64 = stablehlo.multiply %63, %61 : tensor<3xf32>
    %65 = stablehlo.convert %64 : (tensor<3xf32>) -> tensor<3xbf16>
    return %65 : tensor<3xbf16>
  }
}

// Unary(GeluTanh) of bf16[3]
module @scaledown {
  func.func public @main(%0: tensor<3xbf16>) -> (tensor<3xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<3xbf16>) -> tensor<3xf32>
    %2 = stablehlo.multiply %1, %1 : tensor<3xf32>
    %3 = stablehlo.multiply %2, %1 : tensor<3xf32>
    %4 = stablehlo.constant dense<0x3D372713> : tensor<f32>
    %5 = stablehlo.broadcast_in_dim %4, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %6 = stablehlo.multiply %3, %5 : tensor<3xf32>
    %7 = stablehlo.add %1, %6 : tensor<3xf32>
    %8 = stablehlo.constant dense<0x3F4C422A> : tensor<f32>
    %9 = stablehlo.broadcast_in_dim %8, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %10 = stablehlo.multiply %7, %9 : tensor<3xf32>
    %11 = stablehlo.tanh %10 : tensor<3xf32>
    %12 = stablehlo.constant dense<0x3F800000> : tensor<f32>
    %13 = stablehlo.constant dense<0x3F000000> : tensor<f32>
    %14 = stablehlo.broadcast_in_dim %12, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %15 = stablehlo.add %11, %14 : tensor<3xf32>
    %16 = stablehlo.broadcast_in_dim %13, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %17 = stablehlo.multiply %1, %16 : tensor<3xf32>
    %18 = stablehlo.multiply %17, %15 : tensor<3xf32>
    %19 = stablehlo.convert %18 : (tensor<3xf32>) -> tensor<3xbf16>
    return %19 : tensor<3xbf16>
  }
}

// Unary(Erf) of bf16[3]
module @scaledown {
  func.func public @main(%0: tensor<3xbf16>) -> (tensor<3xbf16>) {
    %1 = stablehlo.convert %0 : (tensor<3xbf16>) -> tensor<3xf32>
    %2 = stablehlo.constant dense<0xC07547CB> : tensor<f32>
    %3 = stablehlo.constant dense<0x407547CB> : tensor<f32>
    %4 = stablehlo.broadcast_in_dim %2, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %5 = stablehlo.maximum %1, %4 : tensor<3xf32>
    %6 = stablehlo.broadcast_in_dim %3, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %7 = stablehlo.minimum %5, %6 : tensor<3xf32>
    %8 = stablehlo.multiply %7, %7 : tensor<3xf32>
    %9 = stablehlo.constant dense<0xAF95DF0B> : tensor<f32>
    %10 = stablehlo.constant dense<0x32EDFFEE> : tensor<f32>
    %11 = stablehlo.broadcast_in_dim %9, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %12 = stablehlo.multiply %11, %8 : tensor<3xf32>
    %13 = stablehlo.broadcast_in_dim %10, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %14 = stablehlo.add %12, %13 : tensor<3xf32>
    %15 = stablehlo.constant dense<0xB60CFF51> : tensor<f32>
    %16 = stablehlo.multiply %14, %8 : tensor<3xf32>
    %17 = stablehlo.broadcast_in_dim %15, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %18 = stablehlo.add %16, %17 : tensor<3xf32>
    %19 = stablehlo.constant dense<0xB86EC2D2> : tensor<f32>
    %20 = stablehlo.multiply %18, %8 : tensor<3xf32>
    %21 = stablehlo.broadcast_in_dim %19, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %22 = stablehlo.add %20, %21 : tensor<3xf32>
    %23 = stablehlo.constant dense<0xBA40AC63> : tensor<f32>
    %24 = stablehlo.multiply %22, %8 : tensor<3xf32>
    %25 = stablehlo.broadcast_in_dim %23, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %26 = stablehlo.add %24, %25 : tensor<3xf32>
    %27 = stablehlo.constant dense<0xBB41A1F6> : tensor<f32>
    %28 = stablehlo.multiply %26, %8 : tensor<3xf32>
    %29 = stablehlo.broadcast_in_dim %27, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %30 = stablehlo.add %28, %29 : tensor<3xf32>
    %31 = stablehlo.constant dense<0xBC83DBD4> : tensor<f32>
    %32 = stablehlo.multiply %30, %8 : tensor<3xf32>
    %33 = stablehlo.broadcast_in_dim %31, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %34 = stablehlo.add %32, %33 : tensor<3xf32>
    %35 = stablehlo.constant dense<0xB77460CD> : tensor<f32>
    %36 = stablehlo.constant dense<0xB95FBD29> : tensor<f32>
    %37 = stablehlo.broadcast_in_dim %35, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %38 = stablehlo.multiply %37, %8 : tensor<3xf32>
    %39 = stablehlo.broadcast_in_dim %36, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %40 = stablehlo.add %38, %39 : tensor<3xf32>
    %41 = stablehlo.constant dense<0xBADC924E> : tensor<f32>
    %42 = stablehlo.multiply %40, %8 : tensor<3xf32>
    %43 = stablehlo.broadcast_in_dim %41, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %44 = stablehlo.add %42, %43 : tensor<3xf32>
    %45 = stablehlo.constant dense<0xBBF19BF8> : tensor<f32>
    %46 = stablehlo.multiply %44, %8 : tensor<3xf32>
    %47 = stablehlo.broadcast_in_dim %45, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %48 = stablehlo.add %46, %47 : tensor<3xf32>
    %49 = stablehlo.constant dense<0xBC69B6A7> : tensor<f32>
    %50 = stablehlo.multiply %48, %8 : tensor<3xf32>
    %51 = stablehlo.broadcast_in_dim %49, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %52 = stablehlo.add %50, %51 : tensor<3xf32>
    %53 = stablehlo.multiply %7, %34 : tensor<3xf32>
    %54 = stablehlo.divide %53, %52 : tensor<3xf32>
    %55 = stablehlo.convert %54 : (tensor<3xf32>) -> tensor<3xbf16>
    return %55 : tensor<3xbf16>
  }
}

