//! Fetching a model into Ollama, with a bar for each of its layers.

use std::collections::HashMap;

use super::{error::CliError, output::say, progress::bytes_bar};
use crate::ollama::{OllamaClient, OllamaError};

/// Fetches a model unless it is there.
pub(super) async fn pull(ollama: &OllamaClient, model: &str) -> Result<(), CliError> {
    let failed = |error: OllamaError| CliError::Failed(error.to_string());
    if ollama.find_model(model).await.map_err(failed)?.is_some() {
        return Ok(());
    }
    say(format_args!("pulling {model} into Ollama at {}", ollama.url()));
    // One bar a layer: Ollama fetches them side by side.
    let mut layers = HashMap::new();
    ollama
        .pull(model, |step| {
            let (Some(digest), Some(total)) = (step.digest, step.total) else {
                return;
            };
            let bar = layers.entry(digest).or_insert_with_key(|digest| {
                let short: String = digest.trim_start_matches("sha256:").chars().take(12).collect();
                bytes_bar(&format!("{model} {short}"), total)
            });
            bar.set_position(step.completed.unwrap_or_default());
        })
        .await
        .map_err(failed)?;
    for bar in layers.into_values() {
        bar.finish_and_clear();
    }
    say(format_args!("{model} is there"));
    Ok(())
}
