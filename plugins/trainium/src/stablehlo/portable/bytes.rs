//! MLIR's numbers: a prefix code of up to nine bytes.

/// Bytes in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Bytes(Vec<u8>);

impl Bytes {
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The zeros at the end of the first byte say how many bytes follow it.
    pub(super) fn number(&mut self, value: u64) {
        let bits = 64 - value.leading_zeros().min(63);
        let more = (bits - 1) / 7;
        if more >= 8 {
            self.0.push(0);
            self.0.extend(value.to_le_bytes());
            return;
        }
        let coded = (value << 1 | 1) << more;
        self.0.extend(&coded.to_le_bytes()[..more as usize + 1]);
    }

    /// Small numbers of either sign are short.
    pub(super) fn signed(&mut self, value: i64) {
        self.number(((value << 1) ^ (value >> 63)) as u64);
    }

    /// A number and a truth value.
    pub(super) fn flagged(&mut self, value: u64, flag: bool) {
        self.number(value << 1 | u64::from(flag));
    }

    pub(super) fn append(&mut self, other: &Bytes) {
        self.raw(&other.0);
    }

    /// A length, and as many bytes.
    pub(super) fn blob(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.raw(bytes);
    }

    pub(super) fn section(&mut self, id: u8, content: &Bytes) {
        self.raw(&[id]);
        self.blob(&content.0);
    }

    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl From<Bytes> for Vec<u8> {
    fn from(bytes: Bytes) -> Self {
        bytes.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: u64) -> Vec<u8> {
        let mut bytes = Bytes::default();
        bytes.number(value);
        bytes.into()
    }

    #[test]
    fn numbers_say_how_long_they_are() {
        assert_eq!(number(0), [1]);
        assert_eq!(number(127), [255]);
        assert_eq!(number(131), [0x0e, 0x02]);
        assert_eq!(number((1 << 14) - 1), [0xfe, 0xff]);
        assert_eq!(number(1 << 14), [0x04, 0x00, 0x02]);
        assert_eq!(number((1 << 56) - 1), [0x80, 255, 255, 255, 255, 255, 255, 255]);
        assert_eq!(number(u64::MAX), [0, 255, 255, 255, 255, 255, 255, 255, 255]);
        let mut signed = Bytes::default();
        signed.signed(-1);
        signed.signed(2);
        assert_eq!(signed.as_slice(), [3, 9]);
    }
}
