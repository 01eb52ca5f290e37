//! Downloading a model: JSON lines on one long answer, which arrive in whatever pieces the network makes of them.

use super::client::{Call, OllamaClient};
use super::error::OllamaError;
use super::wire::{PullProgress, PullWire, error_message};

/// Longest line. The whole answer is not bounded: a download of hours reports its progress many times a second.
const MAX_LINE_BYTES: usize = 1024 * 1024;

impl OllamaClient {
    /// Downloads a model and reports every step. An interrupted download is taken up again by the next call.
    ///
    /// # Errors
    /// Any [`OllamaError`], also one that Ollama reports in the middle of an answer that began with status 200.
    /// [`OllamaError::Timeout`] means that no step was reported for long, not that the download took long.
    pub async fn pull(&self, model: &str, mut on_progress: impl FnMut(PullProgress) + Send) -> Result<(), OllamaError> {
        let idle = self.timeouts().pull_idle;
        let call = Call { name: "pull", model: Some(model), timeout: idle, max_bytes: MAX_LINE_BYTES };
        let silent = || OllamaError::Timeout { call: call.name, after: idle };
        let request = self.post("pull").json(&PullWire { model, stream: true });
        let response = tokio::time::timeout(idle, request.send()).await.map_err(|_| silent())?;
        let response = response.map_err(|e| self.failure(&e, &call))?;
        let mut response = tokio::time::timeout(idle, self.accepted(response, &call)).await.map_err(|_| silent())??;

        let mut lines = Lines::default();
        loop {
            let chunk = tokio::time::timeout(idle, response.chunk()).await.map_err(|_| silent())?;
            let chunk = chunk.map_err(|e| self.failure(&e, &call))?;
            let complete = match &chunk {
                Some(chunk) => lines.push(chunk)?,
                None => lines.rest(),
            };
            for line in complete {
                if let Some(message) = error_message(&line) {
                    return Err(OllamaError::from_status(500, &message, Some(model)));
                }
                let progress: PullProgress = serde_json::from_slice(&line)
                    .map_err(|error| OllamaError::bad_answer(&format!("a line of `pull`: {error}")))?;
                let done = progress.status == "success";
                on_progress(progress);
                if done {
                    return Ok(());
                }
            }
            if chunk.is_none() {
                return Err(OllamaError::BadAnswer("the download ended before it was complete".to_owned()));
            }
        }
    }
}

/// Puts lines together from pieces.
#[derive(Default)]
struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// The lines, without the empty ones, that `chunk` completes.
    fn push(&mut self, chunk: &[u8]) -> Result<Vec<Vec<u8>>, OllamaError> {
        let mut complete = Vec::new();
        for piece in chunk.split_inclusive(|&byte| byte == b'\n') {
            if self.begun.len() + piece.len() > MAX_LINE_BYTES {
                return Err(OllamaError::BadAnswer(format!("a line of `pull` has more than {MAX_LINE_BYTES} bytes")));
            }
            self.begun.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                complete.extend(self.rest());
            }
        }
        Ok(complete)
    }

    /// What stands behind the last line break.
    fn rest(&mut self) -> Vec<Vec<u8>> {
        let line = std::mem::take(&mut self.begun).trim_ascii().to_vec();
        if line.is_empty() { Vec::new() } else { vec![line] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_they_are_cut() {
        let text = b"{\"status\":\"a\"}\r\n\n{\"status\":\"\xc3\xa9\"}\n{\"status\":\"c\"}";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            let mut found: Vec<Vec<u8>> = Vec::new();
            for chunk in text.chunks(size) {
                found.extend(lines.push(chunk).unwrap());
            }
            found.extend(lines.rest());
            assert_eq!(found, [&b"{\"status\":\"a\"}"[..], b"{\"status\":\"\xc3\xa9\"}", b"{\"status\":\"c\"}"]);
        }
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut lines = Lines::default();
        assert!(lines.push(&vec![b'x'; MAX_LINE_BYTES]).is_ok());
        assert!(lines.push(b"x").is_err());
    }
}
