//! Work on many items, several at once.

use std::{
    sync::{Mutex, PoisonError},
    thread,
};

/// Does `work` for each item, in their order, `jobs` at once (one where that is zero).
pub(crate) fn each<T>(
    items: impl IntoIterator<Item = T, IntoIter: Send>,
    jobs: usize,
    work: impl Fn(T) + Sync,
) {
    let queue = Mutex::new(items.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let worker = || {
        while let Some(item) = next() {
            work(item);
        }
    };
    thread::scope(|scope| {
        for _ in 1..jobs.max(1) {
            scope.spawn(worker);
        }
        worker();
    });
}
