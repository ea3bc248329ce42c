//! Action numbers, unique within one DynamicStorage.

use crate::ledger::ActionId;

/// Gives out the numbers that follow `sequence`.
#[derive(Debug)]
pub(super) struct Numbers(pub(super) u32);

impl Numbers {
    /// The next number. At the very end the last one repeats: nothing depends on it but what people read.
    pub(super) fn next(&mut self) -> ActionId {
        self.0 = self.0.saturating_add(1);
        ActionId(self.0)
    }
}
