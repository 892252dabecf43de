//! What a plugin says of itself, written at the end of its file when it is built, so that it can be
//! read before anything of the plugin runs.

use scaledown_sdk::{Error, Result};
use wasmparser::{Parser, Payload};

use crate::contract::damaged;
use crate::offer::{Offer, PluginDescription};

/// The name of the custom section.
const SECTION: &str = "scaledown-plugin";

/// The longest manifest.
const LONGEST: usize = 1 << 20;

/// A component's file with a manifest of these offers at its end, in place of one that it has.
///
/// # Errors
/// [`Error::Plugin`] if the file is no component, or the offers are too long.
pub fn with_manifest(name: &str, binary: &[u8], offers: &[Offer]) -> Result<Vec<u8>> {
    let broken = |message: String| Error::Plugin { plugin: name.to_owned(), message };
    let (code, _) = split(name, binary)?;
    let text = serde_json::to_vec(offers).map_err(|error| broken(error.to_string()))?;
    if text.len() > LONGEST {
        return Err(broken(format!("what it says of itself is longer than {} kB", LONGEST >> 10)));
    }
    let mut section = Vec::new();
    number(&mut section, SECTION.len());
    section.extend_from_slice(SECTION.as_bytes());
    section.extend_from_slice(&text);
    let mut file = code.to_vec();
    file.push(0);
    number(&mut file, section.len());
    file.extend_from_slice(&section);
    Ok(file)
}

/// What a component's file says that the plugin offers; nothing if it was built without.
///
/// # Errors
/// [`Error::Plugin`] if the file is no component, or its manifest cannot be read.
pub fn manifest(name: &str, binary: &[u8]) -> Result<Option<Vec<Offer>>> {
    let Some(text) = split(name, binary)?.1 else { return Ok(None) };
    let broken = |message: String| Error::Plugin { plugin: name.to_owned(), message };
    if text.len() > LONGEST {
        return Err(broken(format!("its section {SECTION} is longer than {} kB", LONGEST >> 10)));
    }
    let mut offers: Vec<Offer> =
        serde_json::from_slice(text).map_err(|error| broken(format!("its section {SECTION} cannot be read: {error}")))?;
    offers.iter_mut().for_each(|offer| offer.description.plain());
    Ok(Some(offers))
}

/// A component's file without the manifest at its end, and the manifest's text.
pub(crate) fn split<'a>(name: &str, binary: &'a [u8]) -> Result<(&'a [u8], Option<&'a [u8]>)> {
    let (mut depth, mut end, mut found) = (0usize, 0, None);
    for payload in Parser::new(0).parse_all(binary) {
        let payload = payload.map_err(|error| Error::Plugin { plugin: name.to_owned(), message: damaged(&error) })?;
        if depth == 0
            && let Some((_, range)) = payload.as_section()
        {
            if let Payload::CustomSection(section) = &payload
                && section.name() == SECTION
                && range.end == binary.len()
            {
                found = binary.get(..end).map(|code| (code, section.data()));
            }
            end = range.end;
        }
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(found.map_or((binary, None), |(code, text)| (code, Some(text))))
}

/// Appends a number as the binary format writes one (LEB128).
fn number(bytes: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        bytes.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return;
        }
    }
}

/// Whether two lists of offers say the same. The last bits of a learning rate may be lost on its
/// way through a text.
pub(crate) fn agree(one: &[Offer], other: &[Offer]) -> bool {
    let rate = |offer: &Offer| offer.description.learning_rate;
    let close = |(one, other): (&Offer, &Offer)| match (rate(one), rate(other)) {
        (Some(one), Some(other)) => (one - other).abs() <= 1e-9 * one.abs(),
        (one, other) => one == other,
    };
    let without = |offers: &[Offer]| -> Vec<Offer> {
        let bare = |offer: &Offer| Offer {
            kind: offer.kind,
            description: PluginDescription { learning_rate: None, ..offer.description.clone() },
        };
        offers.iter().map(bare).collect()
    };
    without(one) == without(other) && one.iter().zip(other).all(close)
}

#[cfg(test)]
mod tests {
    use scaledown_sdk::component::Kind;
    use serde_json::json;

    use super::*;

    /// An empty component with an embedded module, and another custom section.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0\x01\x08\0asm\x01\0\0\0\0\x05\x01xabc";

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        assert_eq!(manifest("x", COMPONENT).unwrap(), None);
        let offer = |name: &str| {
            let permissions = Some(json!({"http": ["example.org"]}));
            let description =
                PluginDescription { name: name.into(), permissions, learning_rate: Some(3e-4), ..PluginDescription::default() };
            vec![Offer { kind: Kind::Compressor, description }]
        };
        let written = with_manifest("x", COMPONENT, &offer("first")).unwrap();
        assert_eq!(split("x", &written).unwrap().0, COMPONENT);
        assert!(agree(&manifest("x", &written).unwrap().unwrap(), &offer("first")));
        // A second one replaces the first.
        let again = with_manifest("x", &written, &offer(&"long".repeat(100))).unwrap();
        assert_eq!(split("x", &again).unwrap().0, COMPONENT);
        assert!(agree(&manifest("x", &again).unwrap().unwrap(), &offer(&"long".repeat(100))));
        assert!(!agree(&manifest("x", &again).unwrap().unwrap(), &offer("first")));
        let mut faster = offer("first");
        faster[0].description.learning_rate = Some(4e-4);
        assert!(!agree(&faster, &offer("first")));
        // Anything may stand there.
        let mut damaged = written.clone();
        *damaged.last_mut().unwrap() = b'x';
        let refusal = manifest("x", &damaged).unwrap_err().to_string();
        assert!(refusal.contains("its section scaledown-plugin cannot be read"), "{refusal}");
        let escape = with_manifest("x", COMPONENT, &offer("\u{1b}[31m")).unwrap();
        assert!(!manifest("x", &escape).unwrap().unwrap()[0].description.name.contains('\u{1b}'));
    }
}
