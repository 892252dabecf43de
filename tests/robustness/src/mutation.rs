//! Damage to the content of a file.

use std::ops::Range;

use crate::Random;

/// Replacements of a value: empty, of another type, absurd, or not text.
const VALUES: [&[u8]; 20] = [
    b"",
    b"0",
    b"-1",
    b"1e999",
    b"0.5",
    b"99999999999999999999",
    b"4611686018427387904",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b"\"\"",
    b"\"",
    b"{",
    b"]",
    b"\xff",
    b"\0",
    b"\\ud800",
    b"{{ x }}",
    b"\r\n\t",
];

/// `content` with one to four damages: flipped bits, lost, doubled or foreign bytes, other values,
/// or a cut.
#[must_use]
pub fn mutated(content: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = content.to_vec();
    for _ in 0..*random.of(&[1, 1, 1, 2, 4]) {
        damage(&mut bytes, random);
    }
    bytes
}

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    let reach = *random.of(&[1, 2, 8, 64, 1 << 20]);
    let end = (at + reach).min(bytes.len());
    match random.below(8) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 => drop(bytes.drain(at..end)),
        2 => drop(bytes.splice(at..at, random.of(&VALUES).iter().copied())),
        3 => {
            let copy = bytes[at..end].to_vec();
            let to = random.below(bytes.len());
            bytes.splice(to..to, copy);
        }
        4 | 5 => {
            if let Some(value) = value_near(bytes, at) {
                bytes.splice(value, random.of(&VALUES).iter().copied());
            }
        }
        6 => bytes[at..end.min(at + 8)].fill(*random.of(&[0, 0x7f, 0xff])),
        _ => bytes.truncate(at),
    }
}

/// The next text in quotes, number or word after a place.
fn value_near(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let begin = at + bytes.get(at..)?.iter().position(|byte| byte.is_ascii_alphanumeric() || *byte == b'"')?;
    let rest = &bytes[begin + 1..];
    let length = match bytes[begin] {
        b'"' => rest.iter().take(200).position(|byte| *byte == b'"')? + 2,
        _ => rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(byte)).count() + 1,
    };
    Some(begin..begin + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_damage_and_any_content_bears_it() {
        let many = |seed| {
            let mut random = Random::new(seed, "file");
            (0..500).map(|_| mutated(b"{\"key\": [1.5, \"text\"]}", &mut random)).collect::<Vec<_>>()
        };
        assert!(many(1) == many(1) && many(1) != many(2));
        let mut random = Random::new(1, "empty");
        for _ in 0..500 {
            let _ = mutated(b"", &mut random);
        }
    }
}
