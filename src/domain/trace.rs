//! Traces: one id from the request that asked for something to the row that it ends in
//! (<https://www.w3.org/TR/trace-context/>).

use std::{fmt, num::NonZeroU128, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use utoipa::ToSchema;

/// The id of a trace: 32 hexadecimal digits in small letters, not all of them zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ToSchema)]
#[schema(value_type = String, pattern = "^[0-9a-f]{32}$", example = "4bf92f3577b34da6a3ce929d0e0e4736")]
pub struct TraceId(NonZeroU128);

impl TraceId {
    /// A random id. It names work and guards nothing, so the generator need not be unpredictable.
    pub fn random() -> Self {
        Self(NonZeroU128::new(fastrand::u128(1..)).unwrap_or(NonZeroU128::MIN))
    }

    /// The id in a `traceparent` header; `None` where the header is none: then a trace begins here.
    pub fn of_traceparent(header: &str) -> Option<Self> {
        let mut fields = header.split('-');
        let [version, trace, parent, flags] = [fields.next()?, fields.next()?, fields.next()?, fields.next()?];
        hex(version, 2).filter(|version| *version != 0xff)?;
        hex(parent, 16).filter(|parent| *parent != 0)?;
        hex(flags, 2)?;
        // Later versions may say more; this one has four fields.
        if version == "00" && fields.next().is_some() {
            return None;
        }
        trace.parse().ok()
    }

    /// A `traceparent` header for a call that is made on behalf of this trace. Nothing is recorded here, hence no flag.
    pub fn traceparent(self) -> String {
        format!("00-{self}-{:016x}-00", fastrand::u64(1..))
    }
}

/// A number of exactly so many hexadecimal digits in small letters.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for TraceId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = hex(text, 32).and_then(NonZeroU128::new);
        number.map(Self).ok_or_else(|| format!("`{text}` is no trace id of 32 hexadecimal digits"))
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn the_trace_id_of_a_valid_header_is_taken_over() {
        for header in [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-what-comes-later",
        ] {
            assert_eq!(TraceId::of_traceparent(header).unwrap().to_string(), TRACE, "{header}");
        }
    }

    #[test]
    fn any_other_header_is_none() {
        for header in [
            "",
            "00",
            TRACE,
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceId::of_traceparent(header), None, "{header}");
        }
    }

    #[test]
    fn what_is_sent_on_reads_as_the_same_trace() {
        let trace = TraceId::random();
        assert_eq!(TraceId::of_traceparent(&trace.traceparent()), Some(trace));
        assert_eq!(serde_json::from_str::<TraceId>(&serde_json::to_string(&trace).unwrap()).unwrap(), trace);
        assert!(serde_json::from_str::<TraceId>("\"00\"").is_err());
    }
}
