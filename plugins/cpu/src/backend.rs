//! The device backend.

use half::{bf16, f16};
use rayon::{ThreadPool, ThreadPoolBuilder};
use scaledown_sdk::component::{DevicePlugin, Registration, inventory};
use scaledown_sdk::tensor::{BlockFormat, DeviceInfo, Element, Q4_0, Q8_0, Storage, Value, cost};
use scaledown_sdk::{DType, Device, DeviceBackend, Error, Op, Result, TensorData, TensorSpec};

use crate::execute::fused::has_bias_kernel;
use crate::execute::{NAME, execute};
use crate::gemv::MOST_ROWS;
use crate::parallel;
use crate::quantized::{self, QuantizedMatrix};
use crate::storage::{Buffer, Scalar, Scratch};
use crate::team::Team;

/// Every element type.
const DTYPES: [DType; 9] =
    [DType::F64, DType::F32, DType::BF16, DType::F16, DType::I64, DType::U32, DType::Bool, DType::Q8_0, DType::Q4_0];

/// Bytes up to which an instruction runs on the calling thread: even those who wait for work would
/// take longer.
const SMALL: u64 = 64 * 1024;

/// Operations up to which it does so.
const FEW_OPERATIONS: u64 = 1 << 18;

/// Results of more bytes are asked for before they are made: a process that does not get its memory
/// ends at once.
const LARGE: usize = 1 << 30;

/// The configuration of the CPU device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CpuConfig {
    /// The number of threads to compute with; by default as many as the process may use.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub threads: Option<usize>,
}

/// The CPU device.
pub struct CpuBackend {
    /// Who does matrix products, and what else there is while another thread leads the team.
    pool: ThreadPool,
    /// Who does everything else.
    team: Team,
}

/// A CPU device in its default configuration.
///
/// # Errors
/// If threads cannot be started.
pub fn device() -> Result<Device> {
    Ok(Device::new(CpuBackend::new(CpuConfig::default())?))
}

impl CpuBackend {
    /// A CPU device.
    ///
    /// # Errors
    /// [`Error::Config`] if the number of threads is 0 or they cannot be started.
    pub fn new(config: CpuConfig) -> Result<Self> {
        if config.threads == Some(0) {
            return Err(Error::Config("the cpu device needs at least one thread; omit `threads` to use all".into()));
        }
        fn failed(error: impl std::fmt::Display) -> Error {
            Error::Config(format!("the cpu device could not start its threads: {error}"))
        }
        // Rayon's own default is the number of threads that the process may use.
        let pool = ThreadPoolBuilder::new()
            .num_threads(config.threads.unwrap_or(0))
            .thread_name(|index| format!("{NAME}-{index}"))
            .build()
            .map_err(failed)?;
        let team = Team::new(pool.current_num_threads(), NAME).map_err(failed)?;
        Ok(CpuBackend { pool, team })
    }
}

inventory::submit! {
    Registration::device::<CpuBackend>(NAME, "Computes on this machine's processor.")
}

impl DevicePlugin for CpuBackend {
    type Config = CpuConfig;

    fn build(config: CpuConfig) -> Result<Device> {
        Ok(Device::new(CpuBackend::new(config)?))
    }
}

impl DeviceBackend for CpuBackend {
    fn info(&self) -> DeviceInfo {
        let threads = self.pool.current_num_threads();
        DeviceInfo {
            name: NAME.to_owned(),
            description: format!("{} ({})", std::env::consts::ARCH, vectors()),
            threads,
            dtypes: DTYPES.to_vec(),
            memory: None,
            static_shapes: false,
        }
    }

    fn upload(&self, spec: &TensorSpec, bytes: &[u8]) -> Result<Storage> {
        check_memory(spec.bytes())?;
        fn read<T: Scalar>(bytes: &[u8]) -> Buffer {
            let mut elements = Scratch::<T>::new(bytes.len() / size_of::<T>());
            for (element, bytes) in elements.iter_mut().zip(bytes.chunks_exact(size_of::<T>())) {
                *element = bytemuck::pod_read_unaligned(bytes);
            }
            elements.into_buffer()
        }
        fn blocks<F: BlockFormat>(spec: &TensorSpec, bytes: &[u8]) -> Buffer {
            let (rows, k) = (spec.shape.rows(), spec.shape.last());
            let mut woven = Scratch::<u8>::new(quantized::size::<F>(rows, k));
            quantized::upload::<F>(bytes, k, &mut woven);
            woven.into_buffer()
        }
        Ok(Storage::new(match spec.dtype {
            DType::F64 => read::<f64>(bytes),
            DType::F32 => read::<f32>(bytes),
            DType::BF16 => read::<bf16>(bytes),
            DType::F16 => read::<f16>(bytes),
            DType::I64 => read::<i64>(bytes),
            DType::U32 => read::<u32>(bytes),
            DType::Bool => read::<u8>(bytes),
            DType::Q8_0 => blocks::<Q8_0>(spec, bytes),
            DType::Q4_0 => blocks::<Q4_0>(spec, bytes),
        }))
    }

    fn read(&self, values: &[&Value]) -> Result<Vec<TensorData>> {
        values.iter().map(|value| download(value)).collect()
    }

    fn supports(&self, op: &Op, inputs: &[TensorSpec]) -> bool {
        // Weights in blocks are multiplied in f32; f64, for which there is no point in them, is
        // decomposed.
        match op {
            Op::Linear => inputs[0].dtype != DType::F64 || !quantized_weight(inputs),
            Op::Split { .. } => false,
            Op::BiasActivation(function) | Op::BiasActivationBackward { function, .. } => has_bias_kernel(*function),
            _ => true,
        }
    }

    fn execute(&self, op: &Op, inputs: Vec<Value>, outputs: &[TensorSpec]) -> Result<Vec<Storage>> {
        check_memory(outputs.iter().fold(0, |sum: usize, spec| sum.saturating_add(spec.bytes())))?;
        let specs: Vec<TensorSpec> = inputs.iter().map(|input| input.spec.clone()).collect();
        let buffers = if self.pool.current_num_threads() == 1 || is_small(op, &specs, outputs) {
            parallel::serial(|| execute(op, inputs, outputs))
        } else if calls_gemm(op, &specs) {
            self.pool.install(|| execute(op, inputs, outputs))
        } else {
            self.with_team(|| execute(op, inputs, outputs))
        }?;
        Ok(buffers.into_iter().map(Storage::new).collect())
    }
}

impl CpuBackend {
    /// Runs `work` on the team, or, while another thread leads it, on the pool.
    fn with_team<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.team.lead(work).unwrap_or_else(|work| self.pool.install(work))
    }
}

/// The elements of a tensor, copied.
fn download(value: &Value) -> Result<TensorData> {
    fn bytes<T: Scalar + Element>(value: &Value) -> Option<Vec<u8>> {
        value.get::<Buffer>().and_then(Buffer::slice::<T>).map(|elements| bytemuck::cast_slice(elements).to_vec())
    }
    fn blocks<F: BlockFormat>(value: &Value) -> Option<Vec<u8>> {
        let (bytes, shape) = (value.get::<Buffer>()?.slice()?, &value.spec.shape);
        Some(quantized::download::<F>(QuantizedMatrix { bytes, rows: shape.rows(), k: shape.last() }))
    }
    let bytes = match value.spec.dtype {
        DType::F64 => bytes::<f64>(value),
        DType::F32 => bytes::<f32>(value),
        DType::BF16 => bytes::<bf16>(value),
        DType::F16 => bytes::<f16>(value),
        DType::I64 => bytes::<i64>(value),
        DType::U32 => bytes::<u32>(value),
        DType::Bool => bytes::<u8>(value),
        DType::Q8_0 => blocks::<Q8_0>(value),
        DType::Q4_0 => blocks::<Q4_0>(value),
    };
    match bytes {
        Some(bytes) => TensorData::new(value.spec.clone(), bytes),
        None => Err(Error::Data(format!("a tensor {} is not stored on the {NAME} device", value.spec))),
    }
}

/// Refuses what the process would end at.
fn check_memory(bytes: usize) -> Result<()> {
    if bytes <= LARGE || Vec::<u8>::new().try_reserve_exact(bytes).is_ok() {
        return Ok(());
    }
    Err(Error::OutOfMemory { device: NAME.into(), bytes: bytes as u64 })
}

/// Whether an instruction is done before others have taken up their parts.
fn is_small(op: &Op, inputs: &[TensorSpec], outputs: &[TensorSpec]) -> bool {
    let cost = cost(op, inputs, outputs);
    cost.bytes <= SMALL && cost.flops <= FEW_OPERATIONS
}

/// Whether the weight of a linear map is in blocks.
fn quantized_weight(inputs: &[TensorSpec]) -> bool {
    inputs.get(1).is_some_and(|weight| weight.dtype.is_quantized())
}

/// Whether an instruction may use the GEMM, which splits its work itself.
fn calls_gemm(op: &Op, inputs: &[TensorSpec]) -> bool {
    match op {
        // Weights in blocks have a product of their own.
        Op::Linear => !quantized_weight(inputs) && inputs.first().is_none_or(|x| x.shape.rows() > MOST_ROWS),
        Op::Attention(_) => inputs.first().is_none_or(|q| q.shape.dims().get(1) != Some(&1)),
        Op::MatMul { .. } | Op::AttentionBackward(_) | Op::Adapter { .. } | Op::AdapterBackward { .. } => true,
        _ => false,
    }
}

/// The vector instructions in use.
fn vectors() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
            "AVX-512"
        } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            "AVX2"
        } else {
            "SSE"
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        "NEON"
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        "no vector instructions"
    }
}
