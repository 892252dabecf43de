// Uniform { shape: Shape([2, 3]), seed: 7 } of 
module @scaledown {
  func.func public @main(%0: tensor<3xui32>) -> (tensor<2x3xf32>) {
    %1 = stablehlo.slice %0 [0:1] : (tensor<3xui32>) -> tensor<1xui32>
    %2 = stablehlo.reshape %1 : (tensor<1xui32>) -> tensor<ui32>
    %3 = stablehlo.slice %0 [1:2] : (tensor<3xui32>) -> tensor<1xui32>
    %4 = stablehlo.reshape %3 : (tensor<1xui32>) -> tensor<ui32>
    %5 = stablehlo.slice %0 [2:3] : (tensor<3xui32>) -> tensor<1xui32>
    %6 = stablehlo.reshape %5 : (tensor<1xui32>) -> tensor<ui32>
    %7 = stablehlo.iota dim = 0 : tensor<6xui32>
    %8 = stablehlo.broadcast_in_dim %2, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %9 = stablehlo.add %7, %8 : tensor<6xui32>
    %10 = stablehlo.constant dense<0> : tensor<ui32>
    %11 = stablehlo.broadcast_in_dim %10, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %12 = stablehlo.constant dense<2654435769> : tensor<ui32>
    %13 = stablehlo.constant dense<2135587861> : tensor<ui32>
    %14 = stablehlo.constant dense<65535> : tensor<ui32>
    %15 = stablehlo.constant dense<16> : tensor<ui32>
    %16 = stablehlo.broadcast_in_dim %14, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %17 = stablehlo.and %9, %16 : tensor<6xui32>
    %18 = stablehlo.broadcast_in_dim %15, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %19 = stablehlo.shift_right_logical %9, %18 : tensor<6xui32>
    %20 = stablehlo.constant dense<31765> : tensor<ui32>
    %21 = stablehlo.constant dense<32586> : tensor<ui32>
    %22 = stablehlo.broadcast_in_dim %20, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %23 = stablehlo.multiply %17, %22 : tensor<6xui32>
    %24 = stablehlo.broadcast_in_dim %15, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %25 = stablehlo.shift_right_logical %23, %24 : tensor<6xui32>
    %26 = stablehlo.broadcast_in_dim %20, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %27 = stablehlo.multiply %19, %26 : tensor<6xui32>
    %28 = stablehlo.add %27, %25 : tensor<6xui32>
    %29 = stablehlo.broadcast_in_dim %21, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %30 = stablehlo.multiply %17, %29 : tensor<6xui32>
    %31 = stablehlo.broadcast_in_dim %14, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %32 = stablehlo.and %28, %31 : tensor<6xui32>
    %33 = stablehlo.add %30, %32 : tensor<6xui32>
    %34 = stablehlo.broadcast_in_dim %15, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %35 = stablehlo.shift_right_logical %28, %34 : tensor<6xui32>
    %36 = stablehlo.broadcast_in_dim %15, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %37 = stablehlo.shift_right_logical %33, %36 : tensor<6xui32>
    %38 = stablehlo.broadcast_in_dim %21, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %39 = stablehlo.multiply %19, %38 : tensor<6xui32>
    %40 = stablehlo.add %39, %35 : tensor<6xui32>
    %41 = stablehlo.add %40, %37 : tensor<6xui32>
    %42 = stablehlo.broadcast_in_dim %12, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %43 = stablehlo.multiply %9, %42 : tensor<6xui32>
    %44 = stablehlo.broadcast_in_dim %13, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %45 = stablehlo.multiply %11, %44 : tensor<6xui32>
    %46 = stablehlo.add %43, %45 : tensor<6xui32>
    %47 = stablehlo.add %46, %41 : tensor<6xui32>
    %48 = stablehlo.broadcast_in_dim %13, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %49 = stablehlo.multiply %9, %48 : tensor<6xui32>
    %50 = stablehlo.broadcast_in_dim %6, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %51 = stablehlo.add %49, %50 : tensor<6xui32>
    %52 = stablehlo.broadcast_in_dim %6, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %53 = stablehlo.compare LT, %51, %52, UNSIGNED : (tensor<6xui32>, tensor<6xui32>) -> tensor<6xi1>
    %54 = stablehlo.convert %53 : (tensor<6xi1>) -> tensor<6xui32>
    %55 = stablehlo.broadcast_in_dim %4, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %56 = stablehlo.add %47, %55 : tensor<6xui32>
    %57 = stablehlo.add %56, %54 : tensor<6xui32>
    %58 = stablehlo.constant dense<30> : tensor<ui32>
    %59 = stablehlo.constant dense<2> : tensor<ui32>
    %60 = stablehlo.broadcast_in_dim %58, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %61 = stablehlo.shift_right_logical %51, %60 : tensor<6xui32>
    %62 = stablehlo.broadcast_in_dim %59, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %63 = stablehlo.shift_left %57, %62 : tensor<6xui32>
    %64 = stablehlo.or %61, %63 : tensor<6xui32>
    %65 = stablehlo.broadcast_in_dim %58, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %66 = stablehlo.shift_right_logical %57, %65 : tensor<6xui32>
    %67 = stablehlo.xor %57, %66 : tensor<6xui32>
    %68 = stablehlo.xor %51, %64 : tensor<6xui32>
    %69 = stablehlo.constant dense<3210233709> : tensor<ui32>
    %70 = stablehlo.constant dense<484763065> : tensor<ui32>
    %71 = stablehlo.constant dense<65535> : tensor<ui32>
    %72 = stablehlo.constant dense<16> : tensor<ui32>
    %73 = stablehlo.broadcast_in_dim %71, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %74 = stablehlo.and %68, %73 : tensor<6xui32>
    %75 = stablehlo.broadcast_in_dim %72, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %76 = stablehlo.shift_right_logical %68, %75 : tensor<6xui32>
    %77 = stablehlo.constant dense<58809> : tensor<ui32>
    %78 = stablehlo.constant dense<7396> : tensor<ui32>
    %79 = stablehlo.broadcast_in_dim %77, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %80 = stablehlo.multiply %74, %79 : tensor<6xui32>
    %81 = stablehlo.broadcast_in_dim %72, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %82 = stablehlo.shift_right_logical %80, %81 : tensor<6xui32>
    %83 = stablehlo.broadcast_in_dim %77, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %84 = stablehlo.multiply %76, %83 : tensor<6xui32>
    %85 = stablehlo.add %84, %82 : tensor<6xui32>
    %86 = stablehlo.broadcast_in_dim %78, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %87 = stablehlo.multiply %74, %86 : tensor<6xui32>
    %88 = stablehlo.broadcast_in_dim %71, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %89 = stablehlo.and %85, %88 : tensor<6xui32>
    %90 = stablehlo.add %87, %89 : tensor<6xui32>
    %91 = stablehlo.broadcast_in_dim %72, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %92 = stablehlo.shift_right_logical %85, %91 : tensor<6xui32>
    %93 = stablehlo.broadcast_in_dim %72, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %94 = stablehlo.shift_right_logical %90, %93 : tensor<6xui32>
    %95 = stablehlo.broadcast_in_dim %78, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %96 = stablehlo.multiply %76, %95 : tensor<6xui32>
    %97 = stablehlo.add %96, %92 : tensor<6xui32>
    %98 = stablehlo.add %97, %94 : tensor<6xui32>
    %99 = stablehlo.broadcast_in_dim %69, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %100 = stablehlo.multiply %68, %99 : tensor<6xui32>
    %101 = stablehlo.broadcast_in_dim %70, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %102 = stablehlo.multiply %67, %101 : tensor<6xui32>
    %103 = stablehlo.add %100, %102 : tensor<6xui32>
    %104 = stablehlo.add %103, %98 : tensor<6xui32>
    %105 = stablehlo.broadcast_in_dim %70, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %106 = stablehlo.multiply %68, %105 : tensor<6xui32>
    %107 = stablehlo.constant dense<27> : tensor<ui32>
    %108 = stablehlo.constant dense<5> : tensor<ui32>
    %109 = stablehlo.broadcast_in_dim %107, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %110 = stablehlo.shift_right_logical %106, %109 : tensor<6xui32>
    %111 = stablehlo.broadcast_in_dim %108, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %112 = stablehlo.shift_left %104, %111 : tensor<6xui32>
    %113 = stablehlo.or %110, %112 : tensor<6xui32>
    %114 = stablehlo.broadcast_in_dim %107, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %115 = stablehlo.shift_right_logical %104, %114 : tensor<6xui32>
    %116 = stablehlo.xor %104, %115 : tensor<6xui32>
    %117 = stablehlo.xor %106, %113 : tensor<6xui32>
    %118 = stablehlo.constant dense<2496678331> : tensor<ui32>
    %119 = stablehlo.constant dense<321982955> : tensor<ui32>
    %120 = stablehlo.constant dense<65535> : tensor<ui32>
    %121 = stablehlo.constant dense<16> : tensor<ui32>
    %122 = stablehlo.broadcast_in_dim %120, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %123 = stablehlo.and %117, %122 : tensor<6xui32>
    %124 = stablehlo.broadcast_in_dim %121, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %125 = stablehlo.shift_right_logical %117, %124 : tensor<6xui32>
    %126 = stablehlo.constant dense<4587> : tensor<ui32>
    %127 = stablehlo.constant dense<4913> : tensor<ui32>
    %128 = stablehlo.broadcast_in_dim %126, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %129 = stablehlo.multiply %123, %128 : tensor<6xui32>
    %130 = stablehlo.broadcast_in_dim %121, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %131 = stablehlo.shift_right_logical %129, %130 : tensor<6xui32>
    %132 = stablehlo.broadcast_in_dim %126, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %133 = stablehlo.multiply %125, %132 : tensor<6xui32>
    %134 = stablehlo.add %133, %131 : tensor<6xui32>
    %135 = stablehlo.broadcast_in_dim %127, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %136 = stablehlo.multiply %123, %135 : tensor<6xui32>
    %137 = stablehlo.broadcast_in_dim %120, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %138 = stablehlo.and %134, %137 : tensor<6xui32>
    %139 = stablehlo.add %136, %138 : tensor<6xui32>
    %140 = stablehlo.broadcast_in_dim %121, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %141 = stablehlo.shift_right_logical %134, %140 : tensor<6xui32>
    %142 = stablehlo.broadcast_in_dim %121, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %143 = stablehlo.shift_right_logical %139, %142 : tensor<6xui32>
    %144 = stablehlo.broadcast_in_dim %127, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %145 = stablehlo.multiply %125, %144 : tensor<6xui32>
    %146 = stablehlo.add %145, %141 : tensor<6xui32>
    %147 = stablehlo.add %146, %143 : tensor<6xui32>
    %148 = stablehlo.broadcast_in_dim %118, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %149 = stablehlo.multiply %117, %148 : tensor<6xui32>
    %150 = stablehlo.broadcast_in_dim %119, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %151 = stablehlo.multiply %116, %150 : tensor<6xui32>
    %152 = stablehlo.add %149, %151 : tensor<6xui32>
    %153 = stablehlo.add %152, %147 : tensor<6xui32>
    %154 = stablehlo.broadcast_in_dim %119, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %155 = stablehlo.multiply %117, %154 : tensor<6xui32>
    %156 = stablehlo.constant dense<31> : tensor<ui32>
    %157 = stablehlo.constant dense<1> : tensor<ui32>
    %158 = stablehlo.broadcast_in_dim %156, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %159 = stablehlo.shift_right_logical %155, %158 : tensor<6xui32>
    %160 = stablehlo.broadcast_in_dim %157, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %161 = stablehlo.shift_left %153, %160 : tensor<6xui32>
    %162 = stablehlo.or %159, %161 : tensor<6xui32>
    %163 = stablehlo.broadcast_in_dim %156, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %164 = stablehlo.shift_right_logical %153, %163 : tensor<6xui32>
    %165 = stablehlo.xor %153, %164 : tensor<6xui32>
    %166 = stablehlo.xor %155, %162 : tensor<6xui32>
    %167 = stablehlo.constant dense<8> : tensor<ui32>
    %168 = stablehlo.broadcast_in_dim %167, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %169 = stablehlo.shift_right_logical %165, %168 : tensor<6xui32>
    %170 = stablehlo.convert %169 : (tensor<6xui32>) -> tensor<6xf32>
    %171 = stablehlo.constant dense<0x33800000> : tensor<f32>
    %172 = stablehlo.broadcast_in_dim %171, dims = [] : (tensor<f32>) -> tensor<6xf32>
    %173 = stablehlo.multiply %170, %172 : tensor<6xf32>
    %174 = stablehlo.reshape %173 : (tensor<6xf32>) -> tensor<2x3xf32>
    return %174 : tensor<2x3xf32>
  }
}

