//! The order in which a sample of tags is drawn: by what they are called, so that it is the same on every backend and whatever
//! the order of insertion.

use crate::domain::TagType;

/// FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>): a hash that is the same in every build.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// Orders tags by a hash of their names, then by name and type.
pub(super) fn by_hash_of_names<T>(tags: &mut [T], called: impl Fn(&T) -> (&str, TagType)) {
    let hash =
        |name: &str| name.bytes().fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
    tags.sort_by_cached_key(|tag| {
        let (name, tag_type) = called(tag);
        (hash(name), name.to_owned(), tag_type)
    });
}
