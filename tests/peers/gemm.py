"""The machine's f32 GEMM rate in PyTorch, against which `gemm_fraction` is meant."""

from measuring import arguments, gemm_gflops, prepare


def main():
    options = arguments(__doc__).parse_args()
    prepare(options)
    for size in (512, 1024, 1536, 2048):
        print(f"{size}: {gemm_gflops(size, options.runs):.0f} GFLOP/s with {options.threads} threads")


if __name__ == "__main__":
    main()
