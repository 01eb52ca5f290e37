//! Which vectors of an export a database takes over: vectors of two embedding spaces are never compared.

use std::collections::HashMap;

use super::{error::CliError, output::say, render::printable};
use crate::store::{ExportHeader, ExportRow, Store};

/// The dimensions of the vectors of a file, by space.
#[derive(Debug, Default)]
pub(super) struct Spaces(HashMap<String, usize>);

impl Spaces {
    /// Takes in the vectors of a row, which have as many dimensions as the others of their spaces.
    pub(super) fn add(&mut self, row: &ExportRow) -> Result<(), String> {
        let record = row.synonyms.as_ref().and_then(|synonyms| synonyms.record.as_ref());
        for vector in record.into_iter().flat_map(|record| &record.vectors) {
            let dimensions = vector.vector.len();
            let known = *self.0.entry(vector.space.clone()).or_insert(dimensions);
            if known != dimensions {
                return Err(format!(
                    "its vector of the space {} has {dimensions} dimensions, those before it {known}",
                    printable(&vector.space, 60)
                ));
            }
        }
        Ok(())
    }

    /// How many dimensions the vectors of a space have; `None` where the file has none of them.
    pub(super) fn dimensions(&self, space: &str) -> Option<usize> {
        self.0.get(space).copied()
    }
}

/// Which vectors of a file are stored.
pub(super) struct Vectors {
    /// Where the database goes on with a space of its own: that one alone.
    only: Option<String>,
    /// Most dimensions that it keeps.
    longest: Option<usize>,
}

impl Vectors {
    /// Settles the embedding space of the database, and says what is left out.
    pub(super) async fn settle(
        store: &dyn Store,
        header: Option<&ExportHeader>,
        spaces: &Spaces,
    ) -> Result<Self, CliError> {
        let longest = store.longest_vector();
        let mut vectors = Self { only: None, longest };
        let Some(header) = header else { return Ok(vectors) };
        let Some(space) = &header.embedding_space else {
            store.adopt_header(header).await?;
            return Ok(vectors);
        };
        let dimensions = spaces.dimensions(space);
        if let (Some(dimensions), Some(longest)) = (dimensions, longest)
            && dimensions > longest
        {
            say(format_args!(
                "the vectors of {space} have {dimensions} dimensions and this database keeps up to {longest}: they are left \
                 out, and made anew by the model that embed.model names"
            ));
            return Ok(vectors);
        }
        let active = store.adopt_header(header).await?;
        if active.as_ref() != Some(space) {
            if dimensions.is_some()
                && let Some(active) = &active
            {
                say(format_args!(
                    "this database is embedded in {active}, the file in {space}: its vectors are left out and made anew"
                ));
            }
            vectors.only = active;
        }
        Ok(vectors)
    }

    /// Takes out of a row what is not stored; returns how many.
    pub(super) fn strip(&self, row: &mut ExportRow) -> u64 {
        let Some(record) = row.synonyms.as_mut().and_then(|synonyms| synonyms.record.as_mut()) else { return 0 };
        let before = record.vectors.len();
        record.vectors.retain(|vector| {
            self.only.as_ref().is_none_or(|only| *only == vector.space)
                && self.longest.is_none_or(|longest| vector.vector.len() <= longest)
        });
        (before - record.vectors.len()).try_into().unwrap_or(u64::MAX)
    }
}
