//! The tensors of a file that `torch.save` wrote: a zip archive with a pickle and the tensors'
//! bytes.
//!
//! A pickle is a program. candle's reader of its instructions makes plain data of them and runs
//! nothing; of that data, dictionaries by text of tensors are taken, and anything else is refused
//! by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use candle_core::pickle::{Object, Stack};
use parking_lot::Mutex;
use scaledown_sdk::component::caught;
use scaledown_sdk::nn::WeightSource;
use scaledown_sdk::{DType, Error as SdkError, TensorData, TensorSpec};
use zip::ZipArchive;

use super::ImportError;
use super::bounded::Bounds;

/// The greatest size of the pickle itself, which holds names and shapes alone.
const MOST_BYTES: u64 = 8 << 20;
/// How many times the file's bytes its tensors may have: a tied matrix has two names.
const MOST_NAMES: u64 = 4;

/// The tensors of one file, by their names; those of a dictionary in a dictionary are
/// `outer.inner`.
#[derive(Debug)]
pub(super) struct TorchPickle {
    path: PathBuf,
    tensors: BTreeMap<String, PickledTensor>,
    /// The files in the archive whose checksums were compared.
    verified: Mutex<BTreeSet<String>>,
}

/// Where a tensor's bytes are.
#[derive(Debug)]
struct PickledTensor {
    spec: TensorSpec,
    /// The file in the archive.
    file: String,
    /// In bytes.
    offset: usize,
}

impl TorchPickle {
    /// Opens a file and reads the names and shapes of its tensors.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or holds something else than tensors, which the error
    /// names.
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let failed = |message: String| ImportError::Pickle { path: path.to_owned(), message };
        let read = || -> Result<BTreeMap<String, PickledTensor>, String> {
            let mut archive = open_archive(path)?;
            let names: Vec<String> = (0..archive.len())
                .filter_map(|i| Some(archive.by_index(i).ok()?.name().ok()?.into_owned()))
                .filter(|name| name.ends_with("/data.pkl"))
                .collect();
            let [name] = names.as_slice() else {
                return Err("not a file of torch.save's (expected one data.pkl in it)".into());
            };
            let directory = name.trim_end_matches(".pkl").to_owned();
            let object = parse(&mut archive, name)?;
            let mut tensors = BTreeMap::new();
            collect(object, "", &directory, &mut tensors)?;
            // Storages are not compressed, and what the archive says of their size may be wrong.
            let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
            let sizes = || tensors.values().map(|entry| entry.spec.bytes() as u64);
            let all = sizes().fold(0, u64::saturating_add);
            if sizes().any(|size| size > length) || all > length.saturating_mul(MOST_NAMES) {
                return Err(format!("its tensors have {all} bytes, and the file only {length}"));
            }
            Ok(tensors)
        };
        // candle's reader takes a file at its word, and may panic on a damaged one.
        let tensors = caught(read).and_then(|read| read).map_err(failed)?;
        Ok(TorchPickle { path: path.to_owned(), tensors, verified: Mutex::default() })
    }

    /// The tensors under `prefix.`, without it.
    pub(super) fn under(&self, prefix: &str) -> Vec<String> {
        let inner = |name: &String| name.strip_prefix(prefix)?.strip_prefix('.').map(str::to_owned);
        self.tensors.keys().filter_map(inner).collect()
    }
}

impl WeightSource for TorchPickle {
    fn names(&self) -> Vec<String> {
        self.tensors.keys().cloned().collect()
    }

    fn spec(&self, name: &str) -> Option<TensorSpec> {
        self.tensors.get(name).map(|entry| entry.spec.clone())
    }

    fn location(&self) -> String {
        self.path.display().to_string()
    }

    fn read(&self, name: &str) -> scaledown_sdk::Result<TensorData> {
        let failed = |message: String| SdkError::Weights(format!("{}: {name}: {message}", self.path.display()));
        let entry = self.tensors.get(name).ok_or_else(|| failed("there is no such tensor".into()))?;
        let mut archive = open_archive(&self.path).map_err(failed)?;
        let mut file = archive.by_name(&entry.file).map_err(|error| failed(format!("{}: {error}", entry.file)))?;
        let needed = entry.offset.checked_add(entry.spec.bytes()).filter(|&needed| needed as u64 <= file.size());
        if needed.is_none() {
            return Err(failed(format!("its {} bytes from {} on are more than the file has", entry.spec.bytes(), entry.offset)));
        }
        let mut bytes = vec![0; entry.spec.bytes()];
        std::io::copy(&mut file.by_ref().take(entry.offset as u64), &mut std::io::sink())
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|error| failed(error.to_string()))?;
        // The archive's reader compares the checksum of a file at its end. torch can be set to
        // write none, which is 0.
        let mut verified = self.verified.lock();
        if file.crc32() != 0 && verified.insert(entry.file.clone()) {
            std::io::copy(&mut file, &mut std::io::sink()).map_err(|error| failed(format!("{}: {error}", entry.file)))?;
        }
        TensorData::new(entry.spec.clone(), bytes)
    }
}

fn open_archive(path: &Path) -> Result<ZipArchive<BufReader<File>>, String> {
    let file = scaledown_sdk::files::open_regular(path).map_err(|error| error.to_string())?;
    let archive = ZipArchive::new(BufReader::new(file));
    archive.map_err(|error| format!("not a zip archive, as torch.save writes since 1.6 ({error})"))
}

/// What the pickle describes.
fn parse(archive: &mut ZipArchive<BufReader<File>>, name: &str) -> Result<Object, String> {
    let file = archive.by_name(name).map_err(|error| error.to_string())?;
    if file.size() > MOST_BYTES {
        return Err(format!("its pickle has {} bytes, more than the {MOST_BYTES} allowed", file.size()));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let mut reader = Cursor::new(bytes);
    let (mut stack, mut bounds) = (Stack::empty(), Bounds::default());
    loop {
        let instruction = reader.fill_buf().ok().and_then(|rest| rest.first().copied());
        let done = stack.read(&mut reader).map_err(|error| format!("its pickle is damaged ({error})"))?;
        if done {
            return stack.finalize().map_err(|error| format!("its pickle is damaged ({error})"));
        }
        bounds.check(instruction, stack.stack().last())?;
    }
}

/// Takes the tensors of a dictionary, and of dictionaries in it.
fn collect(object: Object, prefix: &str, directory: &str, tensors: &mut BTreeMap<String, PickledTensor>) -> Result<(), String> {
    let Object::Dict(entries) = object else {
        let place = if prefix.is_empty() { "the file".to_owned() } else { prefix.to_owned() };
        return Err(format!("{place} holds {}, expected a dictionary of tensors", describe(&object)));
    };
    for (key, value) in entries {
        let Object::Unicode(key) = key else { return Err(format!("{prefix} has a key that is {}", describe(&key))) };
        // What torch notes beside a state dictionary, of which nothing is needed.
        if key == "_metadata" {
            continue;
        }
        let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            Object::Dict(_) => collect(value, &name, directory, tensors)?,
            other => {
                let entry = tensor(other, directory).map_err(|message| format!("{name} {message}"))?;
                tensors.insert(name, entry);
            }
        }
    }
    Ok(())
}

/// A tensor: `torch._utils._rebuild_tensor_v2(storage, offset, size, stride, ..)`, perhaps as a
/// parameter.
fn tensor(object: Object, directory: &str) -> Result<PickledTensor, String> {
    let found = describe(&object);
    let Object::Reduce { callable, args } = object else { return Err(format!("is {found}, expected a tensor")) };
    let Object::Class { module_name, class_name } = *callable else { return Err(format!("is {found}, expected a tensor")) };
    let malformed = || format!("is a tensor with other arguments than torch writes ({found})");
    let Object::Tuple(args) = *args else { return Err(malformed()) };
    match (module_name.as_str(), class_name.as_str()) {
        ("torch._utils", "_rebuild_parameter") => tensor(args.into_iter().next().ok_or_else(malformed)?, directory),
        ("torch._utils", "_rebuild_tensor_v2") => {
            let [storage, offset, size, stride, ..] = args.as_slice() else { return Err(malformed()) };
            let (dtype, file) = self::storage(storage)?;
            let [size, stride] = [size, stride].map(numbers);
            let (size, stride) = (size.ok_or_else(malformed)?, stride.ok_or_else(malformed)?);
            if !is_contiguous(&size, &stride) {
                return Err(format!("has the shape {size:?} and the strides {stride:?}; only contiguous tensors are read"));
            }
            let spec = TensorSpec::new(dtype, size);
            spec.check().map_err(|error| error.to_string())?;
            let offset = number(offset).and_then(|offset| offset.checked_mul(dtype.size())).ok_or_else(malformed)?;
            Ok(PickledTensor { spec, file: format!("{directory}/{file}"), offset })
        }
        _ => Err(format!("is made by {module_name}.{class_name}, which is not run; expected a tensor")),
    }
}

/// The element type and the file of a storage:
/// `("storage", torch.BFloat16Storage, "0", "cpu", 1234)`.
fn storage(object: &Object) -> Result<(DType, String), String> {
    let parts = match object {
        Object::PersistentLoad(parts) => match &**parts {
            Object::Tuple(parts) => parts.as_slice(),
            _ => &[],
        },
        _ => &[],
    };
    let [_, Object::Class { module_name, class_name }, Object::Unicode(file), ..] = parts else {
        return Err(format!("has the storage {}, expected one of torch's", describe(object)));
    };
    let dtype = match (module_name.as_str(), class_name.as_str()) {
        ("torch", "FloatStorage") => DType::F32,
        ("torch", "BFloat16Storage") => DType::BF16,
        ("torch", "HalfStorage") => DType::F16,
        ("torch", "DoubleStorage") => DType::F64,
        _ => {
            let expected = "expected floating-point numbers (Float, BFloat16, Half or Double)";
            return Err(format!("is stored as {module_name}.{class_name}, {expected}"));
        }
    };
    Ok((dtype, file.clone()))
}

fn number(object: &Object) -> Option<usize> {
    match object {
        Object::Int(value) => usize::try_from(*value).ok(),
        Object::Long(value) => usize::try_from(*value).ok(),
        _ => None,
    }
}

fn numbers(object: &Object) -> Option<Vec<usize>> {
    let Object::Tuple(values) = object else { return None };
    values.iter().map(number).collect()
}

/// Whether a tensor's elements stand one after the other in its own order. A stride of an extent of
/// 1 says nothing.
fn is_contiguous(size: &[usize], stride: &[usize]) -> bool {
    let mut expected = Some(1_usize);
    let pairs = size.iter().zip(stride).rev();
    size.len() == stride.len()
        && pairs.into_iter().all(|(&extent, &stride)| {
            let fits = extent == 1 || expected == Some(stride);
            expected = expected.and_then(|step| step.checked_mul(extent));
            fits
        })
}

/// What an object is, for a message.
fn describe(object: &Object) -> String {
    match object {
        Object::Class { module_name, class_name } => format!("the class {module_name}.{class_name}"),
        Object::Reduce { callable, .. } | Object::Build { callable, .. } => match &**callable {
            Object::Class { module_name, class_name } => format!("an object of {module_name}.{class_name}"),
            other => format!("made by {}", describe(other)),
        },
        Object::Int(_) | Object::Long(_) | Object::Float(_) => "a number".into(),
        Object::Unicode(_) => "a text".into(),
        Object::Bool(_) => "a truth value".into(),
        Object::None => "None".into(),
        Object::Tuple(_) => "a tuple".into(),
        Object::List(_) => "a list".into(),
        Object::Dict(_) => "a dictionary".into(),
        Object::Mark => "a mark".into(),
        Object::PersistentLoad(_) => "a storage".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// What is said of a file with this pickle.
    fn refused(pickle: &[u8]) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.pth");
        let mut writer = ZipWriter::new(File::create(&path).unwrap());
        writer.start_file("x/data.pkl", SimpleFileOptions::default()).unwrap();
        writer.write_all(pickle).unwrap();
        writer.finish().unwrap();
        TorchPickle::open(&path).unwrap_err().to_string()
    }

    fn text(text: &str) -> Vec<u8> {
        [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
    }

    #[test]
    fn a_program_is_refused_by_its_name_and_not_run() {
        let call = [b"\x80\x02}".as_slice(), &text("weight"), b"cos\nsystem\n", &text("touch /tmp/x"), b"\x85Rs."].concat();
        let message = refused(&call);
        assert!(message.contains("weight is made by os.system, which is not run"), "{message}");
        let message = refused(b"\x80\x02cos\nsystem\n.");
        assert!(message.contains("the class os.system"), "{message}");
        let number = [b"\x80\x02}".as_slice(), &text("step"), b"K\x07s."].concat();
        assert!(refused(&number).contains("step is a number, expected a tensor"), "{}", refused(&number));
    }

    #[test]
    fn what_is_damaged_or_without_end_is_refused() {
        assert!(refused(b"").contains("damaged"));
        assert!(refused(b"\x80\x02\xff.").contains("damaged"), "an unknown instruction");
        // Longer than an integer: candle's reader shifts it away.
        assert!(refused(b"\x80\x02\x8a\x20abcdefghijklmnopqrstuvwxyz012345.").contains("x.pth"));
        // An object that holds itself twice, and that twice again.
        let mut bomb = b"\x80\x02)q\x00".to_vec();
        for level in 0..60_u8 {
            bomb.extend([b'h', level, b'h', level, 0x86, b'q', level + 1]);
        }
        bomb.push(b'.');
        assert!(refused(&bomb).contains("nests objects deeper"), "{}", refused(&bomb));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("old.pth");
        std::fs::write(&path, b"\x80\x02.").unwrap();
        assert!(TorchPickle::open(&path).unwrap_err().to_string().contains("not a zip archive"));
    }

    #[test]
    fn a_changed_number_is_found_by_its_checksum() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.pth");
        let fixture =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/parity/fixtures/published/pisco/decoder_first_last_layers.pth");
        let mut bytes = std::fs::read(fixture).unwrap();
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let pickle = TorchPickle::open(&path).unwrap();
            let read = |name: &String| pickle.read(name).map_err(|error| error.to_string());
            pickle.names().iter().map(read).collect::<Result<Vec<_>, _>>()
        };
        let sound = read(&bytes).unwrap();
        // A number of the largest tensor, which stands in the file as it is.
        let largest = sound.iter().map(TensorData::bytes).max_by_key(|bytes| bytes.len()).unwrap();
        let at = bytes.windows(largest.len()).position(|window| window == largest).unwrap();
        bytes[at + 5] ^= 1;
        let message = read(&bytes).unwrap_err();
        assert!(message.contains("x.pth") && message.contains("checksum"), "{message}");
    }
}
