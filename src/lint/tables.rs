//! How many hashes of how many bits find vectors that are near each other.

/// The share of the pairs at the threshold that hashes may miss.
const MISSED: f64 = 0.01;

/// Most tables of hashes.
const MAX_TABLES: u32 = 160;

/// The hashes are the same in every run: a report must not change while nothing does.
pub(super) const TABLES_SEED: u64 = 0x6d75_736f_6e79_6d31;

/// How many hashes of how many bits.
pub(super) struct Tables {
    /// Bits of a hash.
    pub(super) bits: usize,
    /// Tables of hashes.
    pub(super) count: u32,
    /// The share of the pairs at the threshold that none of them brings together.
    pub(super) missed: f64,
}

impl Tables {
    /// As many bits as keep most rows alone, and as many tables as meet a pair at the threshold once, almost surely. Two vectors
    /// at an angle fall on one side of a random plane with a probability of `1 - angle / 180°`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers")]
    pub(super) fn of(rows: usize, threshold: f64) -> Self {
        let bits = rows.max(2).ilog2();
        let one_side = 1.0 - threshold.clamp(-1.0, 1.0).acos() / std::f64::consts::PI;
        let met = one_side.powi(bits.cast_signed());
        let count = if met >= 1.0 { 1.0 } else { (MISSED.ln() / (1.0 - met).ln()).ceil() };
        let count = (count as u32).clamp(1, MAX_TABLES);
        Self { bits: bits as usize, count, missed: (1.0 - met).powi(count.cast_signed()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_suit_the_threshold() {
        let near = Tables::of(100_000, 0.95);
        let wide = Tables::of(100_000, 0.88);
        assert!(near.count < wide.count && wide.missed <= MISSED, "{} {}", near.count, wide.count);
        assert_eq!(Tables::of(100_000, 1.0).count, 1, "identical vectors have one hash");
        let hopeless = Tables::of(100_000, 0.2);
        assert!(hopeless.count == MAX_TABLES && hopeless.missed > 0.9);
    }
}
