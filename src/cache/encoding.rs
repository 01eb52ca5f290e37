//! How values lie in Redis: a byte that names the form, then the value. What does not read is a miss.

use std::io::{Read, Write};

use axum::body::Bytes;
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};

/// The value as it is.
const PLAIN: u8 = 1;

/// The value compressed by zlib (RFC 1950), whose checksum is looked at.
const ZLIB: u8 = 2;

/// From this size on compressing pays, in bytes: an answer of ten tags has some 8 KiB and shrinks to a third in 0.1 ms.
const COMPRESSED_FROM: usize = 4096;

/// Longest value that is read, in bytes: a hundred results have far less, and a damaged one must not fill the memory.
const MAX_BYTES: u64 = 64 << 20;

/// The value as Redis keeps it.
pub(super) fn pack(value: &[u8]) -> Vec<u8> {
    if value.len() >= COMPRESSED_FROM
        && let Some(packed) = compressed(value)
        && packed.len() <= value.len()
    {
        return packed;
    }
    let mut packed = Vec::with_capacity(value.len() + 1);
    packed.push(PLAIN);
    packed.extend_from_slice(value);
    packed
}

fn compressed(value: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(vec![ZLIB], Compression::fast());
    encoder.write_all(value).ok()?;
    encoder.finish().ok()
}

/// The value that Redis kept; `None` when it does not read.
pub(super) fn unpack(packed: &Bytes) -> Option<Bytes> {
    match *packed.first()? {
        PLAIN => Some(packed.slice(1..)),
        ZLIB => {
            let mut value = Vec::new();
            ZlibDecoder::new(&packed[1..]).take(MAX_BYTES).read_to_end(&mut value).ok()?;
            Some(value.into())
        }
        _ => None,
    }
}

/// A vector as bytes: f32, little-endian.
pub(super) fn vector_to_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The vector that these bytes hold; `None` when they hold none.
pub(super) fn vector_from_bytes(bytes: &[u8]) -> Option<Vec<f32>> {
    let (numbers, rest) = bytes.as_chunks();
    let vector: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
    (rest.is_empty() && !vector.is_empty() && vector.iter().all(|value| value.is_finite())).then_some(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_size_come_back() {
        let noise: Vec<u8> = {
            let mut random = fastrand::Rng::with_seed(7);
            (0..10_000).map(|_| random.u8(..)).collect()
        };
        for value in [&b""[..], b"{}", &b"synonyms ".repeat(1000), &noise] {
            assert_eq!(unpack(&pack(value).into()).unwrap(), value);
        }
        assert!(pack(&b"synonyms ".repeat(1000)).len() < 500);
        assert_eq!(pack(&noise).len(), noise.len() + 1, "what does not shrink stays as it is");
    }

    #[test]
    fn what_does_not_read_is_a_miss() {
        let whole = pack(&b"synonyms ".repeat(1000));
        for damaged in [&[][..], &[9, 1, 2], &whole[..whole.len() - 2], &[2, 0, 0]] {
            assert_eq!(unpack(&Bytes::copy_from_slice(damaged)), None, "{damaged:?}");
        }
    }

    #[test]
    fn vectors_come_back_and_damaged_ones_do_not() {
        let vector = [0.5f32, -0.25, 1e-7];
        assert_eq!(vector_from_bytes(&vector_to_bytes(&vector)).unwrap(), vector);
        for damaged in [&[][..], &[0, 0, 128], &f32::NAN.to_le_bytes()] {
            assert_eq!(vector_from_bytes(damaged), None);
        }
    }
}
