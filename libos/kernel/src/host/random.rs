//! Random bits: ChaCha20 in the shared region, seeded by the monitor.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::sync::Mutex;

static GENERATOR: Mutex<Option<ChaCha20Rng>> = Mutex::new(None);

/// Starts the generator.
pub fn seed(seed: [u8; 32]) {
    *GENERATOR.lock() = Some(ChaCha20Rng::from_seed(seed));
}

/// Fills `bytes` with random bits. Before [`seed`] they are zero.
pub fn fill(bytes: &mut [u8]) {
    if let Some(generator) = GENERATOR.lock().as_mut() {
        generator.fill_bytes(bytes);
    }
}
