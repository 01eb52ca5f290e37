//! How far background work steps back behind what else the machine does. On Linux each thread has a priority of its own and
//! hands it on to those that it starts; elsewhere the process has one.

use tokio::runtime::{Builder, Handle, Runtime};

use super::AppError;

/// How far: 0 is the usual, 19 the last.
#[cfg(unix)]
const NICENESS: i32 = 10;

/// Threads of the background: one polls the work, the other what it waits for. What blocks gets further ones.
const THREADS: usize = 2;

/// The name of its threads in `top -H` and `/proc`, which show 15 characters.
const THREAD_NAME: &str = "musonym-worker";

/// Gives the calling thread, on Linux, and else the process low priority. One that is lower already is left.
#[cfg(unix)]
pub fn step_back() {
    let now = rustix::process::getpriority_process(None).unwrap_or_default();
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS.max(now)) {
        tracing::debug!(%error, "background work keeps its usual priority");
    }
}

/// Elsewhere priorities are left alone.
#[cfg(not(unix))]
pub fn step_back() {}

/// Threads of low priority for a worker inside a server, whose own keep the usual one.
///
/// The parts of the program are shared with the server: connections that are opened here are driven from here. It is
/// therefore dropped last, when the database is closed; what still runs then is given up.
pub(super) struct Background {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Background {
    /// Starts the threads.
    ///
    /// # Errors
    /// [`AppError`] when the system gives none.
    pub(super) fn start() -> Result<Self, AppError> {
        // What all share keeps the priority of the server, whose queries are embedded by it, too.
        minilm::start_threads();
        let mut threads = Builder::new_multi_thread();
        threads.worker_threads(THREADS).thread_name(THREAD_NAME).enable_all();
        // Where priority is the whole process's, that of the server must not suffer.
        if cfg!(target_os = "linux") {
            threads.on_thread_start(step_back);
        }
        let runtime = threads.build().map_err(|error| AppError::Start(format!("cannot start threads: {error}")))?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Where its tasks are spawned.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A runtime cannot wait for its threads within another one's.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
