//! Numbers that are the same for the same seed, on every machine.

use niteru_kernels::SplitMix64;

/// A sequence of choices.
pub(crate) struct Random(SplitMix64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(SplitMix64::new(seed))
    }

    /// From 0 to below `end`, which is above 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.0.bits() % end.max(1) as u64) as usize
    }

    /// 1 or −1.
    pub(crate) fn sign(&mut self) -> f32 {
        if self.0.bits() >> 63 == 0 { 1.0 } else { -1.0 }
    }

    /// `count` different numbers below `end`, rising; all of them if there are no more.
    pub(crate) fn sample(&mut self, end: usize, count: usize) -> Vec<usize> {
        if count >= end {
            return (0..end).collect();
        }
        // Selection sampling: Knuth, volume 2, algorithm S.
        let mut chosen = Vec::with_capacity(count);
        for at in 0..end {
            if self.below(end - at) < count - chosen.len() {
                chosen.push(at);
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_rise_and_are_as_many_as_asked() {
        for (end, count) in [(0, 3), (1, 1), (10, 3), (10, 10), (5, 9)] {
            let sample = Random::new(7).sample(end, count);
            assert_eq!(sample.len(), count.min(end));
            assert!(sample.is_sorted_by(|a, b| a < b) && sample.iter().all(|&at| at < end));
        }
        assert_ne!(Random::new(1).sample(100, 5), Random::new(2).sample(100, 5));
    }
}
