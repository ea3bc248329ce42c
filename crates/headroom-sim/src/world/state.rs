//! The state of a world as a number.

use std::{
    fmt::{self, Write},
    hash::{DefaultHasher, Hasher},
};

/// A hash over what something looks like; valid within one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateHash(pub u64);

/// Hashes text as it is written, a block at a time.
pub(super) struct Hashing {
    hasher: DefaultHasher,
    block: Vec<u8>,
}

/// Text is hashed in blocks of this many bytes.
const BLOCK: usize = 4096;

impl Hashing {
    pub(super) fn new() -> Self {
        Self { hasher: DefaultHasher::new(), block: Vec::with_capacity(BLOCK * 2) }
    }

    pub(super) fn take(&mut self, value: &dyn fmt::Debug) {
        // Writing to memory cannot fail.
        let _ = write!(self, "{value:?};");
    }

    pub(super) fn end(mut self) -> StateHash {
        self.hasher.write(&self.block);
        StateHash(self.hasher.finish())
    }
}

impl Write for Hashing {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.block.extend_from_slice(text.as_bytes());
        if self.block.len() >= BLOCK {
            self.hasher.write(&self.block);
            self.block.clear();
        }
        Ok(())
    }
}
