//! Audio files for the unit tests, as their specifications have them.

/// A WAVE file of silence with a genre of an even number of bytes in its INFO list.
pub(super) fn wave(genre: &str) -> Vec<u8> {
    let chunk = |id: &[u8; 4], content: &[u8]| {
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        [&id[..], &size, content].concat()
    };
    // PCM, one channel, 8,000 samples of 16 bits a second.
    let format = [1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0];
    let info = [b"INFO".to_vec(), chunk(b"IGNR", genre.as_bytes())].concat();
    let parts = [b"WAVE".to_vec(), chunk(b"fmt ", &format), chunk(b"LIST", &info), chunk(b"data", &[0; 64])];
    chunk(b"RIFF", &parts.concat())
}
