//! A strict Ollama for tests, on a port of its own: it keeps to the documented contract, refuses what breaks it and
//! remembers that as a violation, answers always the same, and fails on demand.
//!
//! ```ignore
//! let ollama = FakeOllama::start().await;
//! ollama.fail_next(1, Fault::Status(503, "server busy, please try again".into()));
//! …
//! assert_eq!(ollama.violations(), Vec::<String>::new());
//! ```

mod answers;
mod contract;
mod routes;
mod vectors;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use answers::{CannedAnswer, canned_answers};
pub use vectors::DIMENSIONS;

/// The model that writes.
pub const GENERATE_MODEL: &str = "llama3.2:1b";
/// The model that embeds.
pub const EMBED_MODEL: &str = "nomic-embed-text:latest";

/// Something that goes wrong. A fault waits for a call that it fits.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// generate, embed, pull: this status with `{"error": message}`.
    Status(u16, String),
    /// generate, embed, pull: no answer, ever.
    Hang,
    /// generate, embed, pull: the connection breaks in the middle of the answer.
    Drop,
    /// generate: an answer that ends in the middle of its JSON. pull: a stream that ends without success.
    HalfJson,
    /// generate: a list in prose, no JSON.
    Prose,
    /// generate: half a JSON, then white space until `num_predict` (`done_reason: length`).
    EndlessWhitespace,
    /// embed: the vectors of a batch differ in width, or a single one has half.
    WrongDimensions,
    /// embed: one vector too few.
    BadEmbeddingCount,
    /// pull: an error line in a stream that began with status 200.
    ErrorLine(String),
    /// generate, embed: another model answers, and says so.
    AnotherModel,
}

impl Fault {
    fn fits(&self, call: &str) -> bool {
        match self {
            Self::Status(..) | Self::Hang | Self::Drop => true,
            Self::HalfJson => matches!(call, "generate" | "pull"),
            Self::Prose | Self::EndlessWhitespace => call == "generate",
            Self::WrongDimensions | Self::BadEmbeddingCount => call == "embed",
            Self::ErrorLine(_) => call == "pull",
            Self::AnotherModel => matches!(call, "generate" | "embed"),
        }
    }
}

#[derive(Clone, Debug)]
struct FakeModel {
    name: String,
    digest: String,
    embeds: bool,
}

impl FakeModel {
    fn new(name: &str) -> Self {
        let name = contract::with_tag(name);
        // The digest follows from the name, as a stand-in for the weights.
        let digest = (0..4).map(|n| format!("{:016x}", vectors::hash(&format!("{name}#{n}")))).collect();
        let embeds = ["embed", "minilm", "bge", "e5"].iter().any(|word| name.contains(word));
        Self { name, digest, embeds }
    }
}

/// What the fake knows and has seen.
#[derive(Default)]
struct State {
    models: Vec<FakeModel>,
    loaded: Option<String>,
    loads: usize,
    switches: usize,
    runner_options: HashMap<String, serde_json::Value>,
    violations: Vec<String>,
    faults: VecDeque<Fault>,
    /// Of each hundred calls of generate so many go wrong, by these faults in turn.
    mix: (usize, Vec<Fault>),
    mixed: usize,
    scripted: HashMap<String, VecDeque<String>>,
    delay: Duration,
    generate_calls: usize,
    embed_calls: usize,
    embedded_inputs: Vec<String>,
    generated_tags: HashMap<String, usize>,
    generate_bodies: Vec<serde_json::Value>,
    embed_bodies: Vec<serde_json::Value>,
    traceparents: Vec<Option<String>>,
    /// When each call of generate came and was answered.
    generations: Vec<(Instant, Instant)>,
}

struct Shared {
    state: Mutex<State>,
    /// Calls of generate, embed and pull that have arrived.
    received: watch::Sender<usize>,
    /// Holds that are in force.
    holds: watch::Sender<usize>,
    /// How many more calls of embed each gated model answers.
    gates: watch::Sender<HashMap<String, usize>>,
    /// Whether every connection is broken off.
    down: watch::Sender<bool>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// The fake. Dropping it stops it.
pub struct FakeOllama {
    url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

/// While it lives, answers of generate, embed and pull are held back.
pub struct Hold {
    shared: Arc<Shared>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.shared.holds.send_modify(|holds| *holds -= 1);
    }
}

/// While it lives, one model answers no more calls of embed than it was let to.
pub struct Gate {
    shared: Arc<Shared>,
    model: String,
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shared.gates.send_modify(|gates| _ = gates.remove(&self.model));
    }
}

impl FakeOllama {
    /// Starts one with [`GENERATE_MODEL`] and [`EMBED_MODEL`].
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let models = [GENERATE_MODEL, EMBED_MODEL].map(FakeModel::new).to_vec();
        let shared = Arc::new(Shared {
            state: Mutex::new(State { models, ..State::default() }),
            received: watch::Sender::new(0),
            holds: watch::Sender::new(0),
            gates: watch::Sender::new(HashMap::new()),
            down: watch::Sender::new(false),
        });
        let router = routes::router(shared.clone());
        let door = Door { listener, shared: shared.clone() };
        let server = tokio::spawn(async move { axum::serve(door, router).await.unwrap() });
        Self { url, shared, server }
    }

    /// The same without this model.
    pub fn without_model(self, name: &str) -> Self {
        self.remove_model(name);
        self
    }

    /// Takes a model away, as `ollama rm` does.
    pub fn remove_model(&self, name: &str) {
        let name = contract::with_tag(name);
        let mut state = self.shared.state();
        state.models.retain(|model| model.name != name);
        state.loaded.take_if(|loaded| *loaded == name);
    }

    /// Adds a model; it embeds when its name says so (`embed`, `minilm`, `bge`, `e5`). Each has a space of its own.
    pub fn add_model(&self, name: &str) {
        let model = FakeModel::new(name);
        let mut state = self.shared.state();
        if !state.models.iter().any(|known| known.name == model.name) {
            state.models.push(model);
        }
    }

    /// Where it listens, for example `http://127.0.0.1:40123`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The digest of a model that is there.
    pub fn digest(&self, name: &str) -> Option<String> {
        let name = contract::with_tag(name);
        self.shared.state().models.iter().find(|model| model.name == name).map(|model| model.digest.clone())
    }

    /// The next `count` calls that the fault fits go wrong.
    pub fn fail_next(&self, count: usize, fault: Fault) {
        self.shared.state().faults.extend(std::iter::repeat_n(fault, count));
    }

    /// From now on, of each hundred calls of generate so many go wrong, evenly spread, by these faults in turn.
    pub fn mix_faults(&self, of_hundred: usize, faults: Vec<Fault>) {
        self.shared.state().mix = (of_hundred, faults);
    }

    /// How many calls the mix has made go wrong.
    pub fn mixed_faults(&self) -> usize {
        self.shared.state().mixed
    }

    /// Takes back faults that have not happened.
    pub fn clear_faults(&self) {
        self.shared.state().faults.clear();
    }

    /// While down, every connection is broken off, as if the process were gone.
    pub fn set_down(&self, down: bool) {
        self.shared.down.send_replace(down);
    }

    /// Every answer of generate, embed and pull takes this long.
    pub fn set_delay(&self, delay: Duration) {
        self.shared.state().delay = delay;
    }

    /// Holds back the answers of generate, embed and pull until the guard is dropped.
    pub fn hold(&self) -> Hold {
        self.shared.holds.send_modify(|holds| *holds += 1);
        Hold { shared: self.shared.clone() }
    }

    /// Lets this model answer `calls` calls of embed, and holds back all further ones until the guard is dropped.
    pub fn let_through(&self, model: &str, calls: usize) -> Gate {
        let model = contract::with_tag(model);
        self.shared.gates.send_modify(|gates| _ = gates.insert(model.clone(), calls));
        Gate { shared: self.shared.clone(), model }
    }

    /// Waits until `count` calls of generate, embed and pull have arrived since the start, held ones included.
    pub async fn wait_for_requests(&self, count: usize) {
        let mut received = self.shared.received.subscribe();
        let waiting = received.wait_for(|received| *received >= count);
        tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("the requests arrive").unwrap();
    }

    /// The next answers for this tag (by key), before those of the data file and the composed ones.
    pub fn script<'a>(&self, tag: &str, answers: impl IntoIterator<Item = &'a str>) {
        let mut state = self.shared.state();
        let scripted = state.scripted.entry(musonym::domain::key(tag)).or_default();
        scripted.extend(answers.into_iter().map(str::to_owned));
    }

    /// What broke the contract. Assert that it is empty at the end of a test.
    pub fn violations(&self) -> Vec<String> {
        self.shared.state().violations.clone()
    }

    /// Calls of `/api/generate`, failed ones included.
    pub fn generate_calls(&self) -> usize {
        self.shared.state().generate_calls
    }

    /// Calls of `/api/embed`, failed ones included.
    pub fn embed_calls(&self) -> usize {
        self.shared.state().embed_calls
    }

    /// Every text that was embedded, in order, prefix included.
    pub fn embedded_inputs(&self) -> Vec<String> {
        self.shared.state().embedded_inputs.clone()
    }

    /// How often each tag, by its name in the prompt, was asked for.
    pub fn generated_tags(&self) -> HashMap<String, usize> {
        self.shared.state().generated_tags.clone()
    }

    /// The bodies of all calls of `/api/generate`.
    pub fn generate_bodies(&self) -> Vec<serde_json::Value> {
        self.shared.state().generate_bodies.clone()
    }

    /// The bodies of all calls of `/api/embed` that broke no rule.
    pub fn embed_bodies(&self) -> Vec<serde_json::Value> {
        self.shared.state().embed_bodies.clone()
    }

    /// The header `traceparent` of each call of `/api/generate`.
    pub fn traceparents(&self) -> Vec<Option<String>> {
        self.shared.state().traceparents.clone()
    }

    /// When each call of `/api/generate` came and was answered, in the order of the answers; those without one are left out.
    pub fn generations(&self) -> Vec<(Instant, Instant)> {
        self.shared.state().generations.clone()
    }

    /// How often one model had to make room for another. Capacity: one model.
    pub fn model_switches(&self) -> usize {
        self.shared.state().switches
    }

    /// How often a model was loaded, for the first time, after another, or with other runner options.
    pub fn model_loads(&self) -> usize {
        self.shared.state().loads
    }
}

impl Drop for FakeOllama {
    fn drop(&mut self) {
        // Connections outlive the task that accepted them: they are told to break off.
        self.set_down(true);
        self.server.abort();
    }
}

/// Accepts connections, and closes them at once while the fake is down.
struct Door {
    listener: TcpListener,
    shared: Arc<Shared>,
}

impl axum::serve::Listener for Door {
    type Io = TcpStream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            if let Ok(accepted) = self.listener.accept().await
                && !*self.shared.down.borrow()
            {
                return accepted;
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
