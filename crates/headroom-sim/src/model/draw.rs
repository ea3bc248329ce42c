//! Chance: one stream of draws per (subsystem, object), each derived from the seed alone, so that an added instance
//! shifts nobody else's draws.

use std::{collections::BTreeMap, fmt};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::object::Name;

/// Who draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subsystem {
    /// Latency of the API server towards the operator.
    Api,
    /// Watch lag by kind.
    Watch,
    /// CloudNativePG's operator.
    Cnpg,
    /// Provisioner and resizer.
    Storage,
    /// Kubelet.
    Node,
    /// When a kubelet measures volumes.
    Stats,
    /// PostgreSQL.
    Server,
    /// The application.
    Application,
    /// headroom's own process: start, lease, kill.
    Operator,
}

/// All streams of a run.
#[derive(Clone)]
pub struct Draws {
    seed: u64,
    streams: BTreeMap<(Subsystem, Name), ChaCha8Rng>,
}

impl Draws {
    /// Streams of this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, streams: BTreeMap::new() }
    }

    /// A draw from `low..=high` out of the stream of `object` in `who`.
    pub fn range(&mut self, who: Subsystem, object: &Name, low: u64, high: u64) -> u64 {
        let span = high.saturating_sub(low).saturating_add(1);
        low + self.next(who, object) % span.max(1)
    }

    /// Whether one chance in `of` came true.
    pub fn one_in(&mut self, who: Subsystem, object: &Name, of: u64) -> bool {
        self.next(who, object).is_multiple_of(of.max(1))
    }

    fn next(&mut self, who: Subsystem, object: &Name) -> u64 {
        if let Some(stream) = self.streams.get_mut(&(who, object.clone())) {
            return stream.next_u64();
        }
        let mut stream = ChaCha8Rng::from_seed(seed_of(self.seed, who, object));
        let first = stream.next_u64();
        self.streams.insert((who, object.clone()), stream);
        first
    }
}

impl fmt::Debug for Draws {
    /// How far each stream is: with the seed that is all of it (a stream shows nothing of itself).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let streams = self.streams.iter().map(|(key, stream)| (key, stream.get_word_pos()));
        f.debug_map().entry(&"seed", &self.seed).finish()?;
        f.debug_map().entries(streams).finish()
    }
}

/// The 32 bytes of a stream's seed: the run's seed, the subsystem and two digests of the object's name.
fn seed_of(seed: u64, who: Subsystem, object: &str) -> [u8; 32] {
    let mut bytes = [0_u8; 32];
    let parts = [seed, who as u64, fnv(0xcbf2_9ce4_8422_2325, object), fnv(seed, object)];
    for (chunk, part) in bytes.chunks_exact_mut(8).zip(parts) {
        chunk.copy_from_slice(&part.to_le_bytes());
    }
    bytes
}

/// FNV-1a, 64 bits.
fn fnv(basis: u64, text: &str) -> u64 {
    text.bytes().fold(basis, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::{Draws, Subsystem};

    #[test]
    fn a_further_object_shifts_nobody_elses_draws() {
        let mut alone = Draws::new(7);
        let mut together = Draws::new(7);
        let (one, two) = ("pg-1".into(), "pg-2".into());
        let mut seen = Vec::new();
        for _ in 0..20 {
            let expected = alone.range(Subsystem::Node, &one, 0, 1_000_000);
            together.range(Subsystem::Node, &two, 0, 9);
            assert_eq!(together.range(Subsystem::Node, &one, 0, 1_000_000), expected);
            seen.push(expected);
        }
        seen.dedup();
        assert!(seen.len() > 10, "draws vary");
    }

    #[test]
    fn subsystems_and_seeds_draw_differently() {
        let name = "pg-1".into();
        let draw = |seed, who| Draws::new(seed).range(who, &name, 0, u64::MAX - 1);
        assert_ne!(draw(1, Subsystem::Node), draw(1, Subsystem::Stats));
        assert_ne!(draw(1, Subsystem::Node), draw(2, Subsystem::Node));
    }
}
