// Uniform { shape: Shape([2, 3]), seed: 7 } of 
module @scaledown {
  func.func public @main(%0: tensor<2xui32>) -> (tensor<2x3xf32>) {
    %1 = stablehlo.slice %0 [0:1] : (tensor<2xui32>) -> tensor<1xui32>
    %2 = stablehlo.reshape %1 : (tensor<1xui32>) -> tensor<ui32>
    %3 = stablehlo.slice %0 [1:2] : (tensor<2xui32>) -> tensor<1xui32>
    %4 = stablehlo.reshape %3 : (tensor<1xui32>) -> tensor<ui32>
    %5 = stablehlo.iota dim = 0 : tensor<6xui32>
    %6 = stablehlo.constant dense<1> : tensor<ui32>
    %7 = stablehlo.broadcast_in_dim %6, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %8 = stablehlo.add %5, %7 : tensor<6xui32>
    %9 = stablehlo.constant dense<0> : tensor<ui32>
    %10 = stablehlo.broadcast_in_dim %9, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %11 = stablehlo.constant dense<2654435769> : tensor<ui32>
    %12 = stablehlo.constant dense<2135587861> : tensor<ui32>
    %13 = stablehlo.constant dense<65535> : tensor<ui32>
    %14 = stablehlo.constant dense<16> : tensor<ui32>
    %15 = stablehlo.broadcast_in_dim %13, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %16 = stablehlo.and %8, %15 : tensor<6xui32>
    %17 = stablehlo.broadcast_in_dim %14, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %18 = stablehlo.shift_right_logical %8, %17 : tensor<6xui32>
    %19 = stablehlo.constant dense<31765> : tensor<ui32>
    %20 = stablehlo.constant dense<32586> : tensor<ui32>
    %21 = stablehlo.broadcast_in_dim %19, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %22 = stablehlo.multiply %16, %21 : tensor<6xui32>
    %23 = stablehlo.broadcast_in_dim %14, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %24 = stablehlo.shift_right_logical %22, %23 : tensor<6xui32>
    %25 = stablehlo.broadcast_in_dim %19, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %26 = stablehlo.multiply %18, %25 : tensor<6xui32>
    %27 = stablehlo.add %26, %24 : tensor<6xui32>
    %28 = stablehlo.broadcast_in_dim %20, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %29 = stablehlo.multiply %16, %28 : tensor<6xui32>
    %30 = stablehlo.broadcast_in_dim %13, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %31 = stablehlo.and %27, %30 : tensor<6xui32>
    %32 = stablehlo.add %29, %31 : tensor<6xui32>
    %33 = stablehlo.broadcast_in_dim %14, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %34 = stablehlo.shift_right_logical %27, %33 : tensor<6xui32>
    %35 = stablehlo.broadcast_in_dim %14, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %36 = stablehlo.shift_right_logical %32, %35 : tensor<6xui32>
    %37 = stablehlo.broadcast_in_dim %20, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %38 = stablehlo.multiply %18, %37 : tensor<6xui32>
    %39 = stablehlo.add %38, %34 : tensor<6xui32>
    %40 = stablehlo.add %39, %36 : tensor<6xui32>
    %41 = stablehlo.broadcast_in_dim %11, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %42 = stablehlo.multiply %8, %41 : tensor<6xui32>
    %43 = stablehlo.broadcast_in_dim %12, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %44 = stablehlo.multiply %10, %43 : tensor<6xui32>
    %45 = stablehlo.add %42, %44 : tensor<6xui32>
    %46 = stablehlo.add %45, %40 : tensor<6xui32>
    %47 = stablehlo.broadcast_in_dim %12, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %48 = stablehlo.multiply %8, %47 : tensor<6xui32>
    %49 = stablehlo.broadcast_in_dim %4, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %50 = stablehlo.add %48, %49 : tensor<6xui32>
    %51 = stablehlo.broadcast_in_dim %4, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %52 = stablehlo.compare LT, %50, %51, UNSIGNED : (tensor<6xui32>, tensor<6xui32>) -> tensor<6xi1>
    %53 = stablehlo.convert %52 : (tensor<6xi1>) -> tensor<6xui32>
    %54 = stablehlo.broadcast_in_dim %2, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %55 = stablehlo.add %46, %54 : tensor<6xui32>
    %56 = stablehlo.add %55, %53 : tensor<6xui32>
    %57 = stablehlo.constant dense<30> : tensor<ui32>
    %58 = stablehlo.constant dense<2> : tensor<ui32>
    %59 = stablehlo.broadcast_in_dim %57, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %60 = stablehlo.shift_right_logical %50, %59 : tensor<6xui32>
    %61 = stablehlo.broadcast_in_dim %58, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %62 = stablehlo.shift_left %56, %61 : tensor<6xui32>
    %63 = stablehlo.or %60, %62 : tensor<6xui32>
    %64 = stablehlo.broadcast_in_dim %57, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %65 = stablehlo.shift_right_logical %56, %64 : tensor<6xui32>
    %66 = stablehlo.xor %56, %65 : tensor<6xui32>
    %67 = stablehlo.xor %50, %63 : tensor<6xui32>
    %68 = stablehlo.constant dense<3210233709> : tensor<ui32>
    %69 = stablehlo.constant dense<484763065> : tensor<ui32>
    %70 = stablehlo.constant dense<65535> : tensor<ui32>
    %71 = stablehlo.constant dense<16> : tensor<ui32>
    %72 = stablehlo.broadcast_in_dim %70, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %73 = stablehlo.and %67, %72 : tensor<6xui32>
    %74 = stablehlo.broadcast_in_dim %71, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %75 = stablehlo.shift_right_logical %67, %74 : tensor<6xui32>
    %76 = stablehlo.constant dense<58809> : tensor<ui32>
    %77 = stablehlo.constant dense<7396> : tensor<ui32>
    %78 = stablehlo.broadcast_in_dim %76, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %79 = stablehlo.multiply %73, %78 : tensor<6xui32>
    %80 = stablehlo.broadcast_in_dim %71, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %81 = stablehlo.shift_right_logical %79, %80 : tensor<6xui32>
    %82 = stablehlo.broadcast_in_dim %76, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %83 = stablehlo.multiply %75, %82 : tensor<6xui32>
    %84 = stablehlo.add %83, %81 : tensor<6xui32>
    %85 = stablehlo.broadcast_in_dim %77, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %86 = stablehlo.multiply %73, %85 : tensor<6xui32>
    %87 = stablehlo.broadcast_in_dim %70, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %88 = stablehlo.and %84, %87 : tensor<6xui32>
    %89 = stablehlo.add %86, %88 : tensor<6xui32>
    %90 = stablehlo.broadcast_in_dim %71, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %91 = stablehlo.shift_right_logical %84, %90 : tensor<6xui32>
    %92 = stablehlo.broadcast_in_dim %71, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %93 = stablehlo.shift_right_logical %89, %92 : tensor<6xui32>
    %94 = stablehlo.broadcast_in_dim %77, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %95 = stablehlo.multiply %75, %94 : tensor<6xui32>
    %96 = stablehlo.add %95, %91 : tensor<6xui32>
    %97 = stablehlo.add %96, %93 : tensor<6xui32>
    %98 = stablehlo.broadcast_in_dim %68, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %99 = stablehlo.multiply %67, %98 : tensor<6xui32>
    %100 = stablehlo.broadcast_in_dim %69, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %101 = stablehlo.multiply %66, %100 : tensor<6xui32>
    %102 = stablehlo.add %99, %101 : tensor<6xui32>
    %103 = stablehlo.add %102, %97 : tensor<6xui32>
    %104 = stablehlo.broadcast_in_dim %69, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %105 = stablehlo.multiply %67, %104 : tensor<6xui32>
    %106 = stablehlo.constant dense<27> : tensor<ui32>
    %107 = stablehlo.constant dense<5> : tensor<ui32>
    %108 = stablehlo.broadcast_in_dim %106, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %109 = stablehlo.shift_right_logical %105, %108 : tensor<6xui32>
    %110 = stablehlo.broadcast_in_dim %107, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %111 = stablehlo.shift_left %103, %110 : tensor<6xui32>
    %112 = stablehlo.or %109, %111 : tensor<6xui32>
    %113 = stablehlo.broadcast_in_dim %106, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %114 = stablehlo.shift_right_logical %103, %113 : tensor<6xui32>
    %115 = stablehlo.xor %103, %114 : tensor<6xui32>
    %116 = stablehlo.xor %105, %112 : tensor<6xui32>
    %117 = stablehlo.constant dense<2496678331> : tensor<ui32>
    %118 = stablehlo.constant dense<321982955> : tensor<ui32>
    %119 = stablehlo.constant dense<65535> : tensor<ui32>
    %120 = stablehlo.constant dense<16> : tensor<ui32>
    %121 = stablehlo.broadcast_in_dim %119, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %122 = stablehlo.and %116, %121 : tensor<6xui32>
    %123 = stablehlo.broadcast_in_dim %120, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %124 = stablehlo.shift_right_logical %116, %123 : tensor<6xui32>
    %125 = stablehlo.constant dense<4587> : tensor<ui32>
    %126 = stablehlo.constant dense<4913> : tensor<ui32>
    %127 = stablehlo.broadcast_in_dim %125, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %128 = stablehlo.multiply %122, %127 : tensor<6xui32>
    %129 = stablehlo.broadcast_in_dim %120, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %130 = stablehlo.shift_right_logical %128, %129 : tensor<6xui32>
    %131 = stablehlo.broadcast_in_dim %125, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %132 = stablehlo.multiply %124, %131 : tensor<6xui32>
    %133 = stablehlo.add %132, %130 : tensor<6xui32>
    %134 = stablehlo.broadcast_in_dim %126, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %135 = stablehlo.multiply %122, %134 : tensor<6xui32>
    %136 = stablehlo.broadcast_in_dim %119, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %137 = stablehlo.and %133, %136 : tensor<6xui32>
    %138 = stablehlo.add %135, %137 : tensor<6xui32>
    %139 = stablehlo.broadcast_in_dim %120, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %140 = stablehlo.shift_right_logical %133, %139 : tensor<6xui32>
    %141 = stablehlo.broadcast_in_dim %120, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %142 = stablehlo.shift_right_logical %138, %141 : tensor<6xui32>
    %143 = stablehlo.broadcast_in_dim %126, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %144 = stablehlo.multiply %124, %143 : tensor<6xui32>
    %145 = stablehlo.add %144, %140 : tensor<6xui32>
    %146 = stablehlo.add %145, %142 : tensor<6xui32>
    %147 = stablehlo.broadcast_in_dim %117, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %148 = stablehlo.multiply %116, %147 : tensor<6xui32>
    %149 = stablehlo.broadcast_in_dim %118, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %150 = stablehlo.multiply %115, %149 : tensor<6xui32>
    %151 = stablehlo.add %148, %150 : tensor<6xui32>
    %152 = stablehlo.add %151, %146 : tensor<6xui32>
    %153 = stablehlo.broadcast_in_dim %118, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %154 = stablehlo.multiply %116, %153 : tensor<6xui32>
    %155 = stablehlo.constant dense<31> : tensor<ui32>
    %156 = stablehlo.constant dense<1> : tensor<ui32>
    %157 = stablehlo.broadcast_in_dim %155, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %158 = stablehlo.shift_right_logical %154, %157 : tensor<6xui32>
    %159 = stablehlo.broadcast_in_dim %156, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %160 = stablehlo.shift_left %152, %159 : tensor<6xui32>
    %161 = stablehlo.or %158, %160 : tensor<6xui32>
    %162 = stablehlo.broadcast_in_dim %155, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %163 = stablehlo.shift_right_logical %152, %162 : tensor<6xui32>
    %164 = stablehlo.xor %152, %163 : tensor<6xui32>
    %165 = stablehlo.xor %154, %161 : tensor<6xui32>
    %166 = stablehlo.constant dense<8> : tensor<ui32>
    %167 = stablehlo.broadcast_in_dim %166, dims = [] : (tensor<ui32>) -> tensor<6xui32>
    %168 = stablehlo.shift_right_logical %164, %167 : tensor<6xui32>
    %169 = stablehlo.convert %168 : (tensor<6xui32>) -> tensor<6xf32>
    %170 = stablehlo.constant dense<0x33800000> : tensor<f32>
    %171 = stablehlo.broadcast_in_dim %170, dims = [] : (tensor<f32>) -> tensor<6xf32>
    %172 = stablehlo.multiply %169, %171 : tensor<6xf32>
    %173 = stablehlo.reshape %172 : (tensor<6xf32>) -> tensor<2x3xf32>
    return %173 : tensor<2x3xf32>
  }
}

