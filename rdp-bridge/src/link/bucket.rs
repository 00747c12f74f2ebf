//! A token bucket over times that are passed in.

use std::time::Duration;

/// Lets through `burst` at once and `rate` a second in the long run.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    rate: u32,
    burst: u32,
    tokens: f64,
    filled: Duration,
}

impl TokenBucket {
    pub(crate) fn new(rate: u32, burst: u32) -> Self {
        Self { rate, burst, tokens: f64::from(burst), filled: Duration::ZERO }
    }

    /// Takes a token at time `now`; false if there is none. Time that goes backwards adds nothing.
    pub(crate) fn take(&mut self, now: Duration) -> bool {
        let passed = now.saturating_sub(self.filled);
        self.filled = self.filled.max(now);
        self.tokens = (self.tokens + passed.as_secs_f64() * f64::from(self.rate)).min(f64::from(self.burst));
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let mut bucket = TokenBucket::new(10, 3);
        let at = Duration::from_millis;
        assert!((0..3).all(|_| bucket.take(at(0))));
        assert!(!bucket.take(at(50)));
        assert!(bucket.take(at(100)));
        assert!(!bucket.take(at(100)));
        assert!(!bucket.take(at(0)));
        assert_eq!((0..10).filter(|_| bucket.take(at(9000))).count(), 3);
    }
}
