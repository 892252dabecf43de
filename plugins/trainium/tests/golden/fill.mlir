// Fill { shape: Shape([2]), dtype: BF16, value: 0.5 } of 
module @scaledown {
  func.func public @main() -> (tensor<2xbf16>) {
    %0 = stablehlo.constant dense<0x3F00> : tensor<bf16>
    %1 = stablehlo.broadcast_in_dim %0, dims = [] : (tensor<bf16>) -> tensor<2xbf16>
    return %1 : tensor<2xbf16>
  }
}

