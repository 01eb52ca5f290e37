//! BERT's forward pass over 8-bit weights (Devlin et al., 2018, "BERT: Pre-training of Deep Bidirectional Transformers"),
//! mean-pooled over the tokens and L2-normalised, as sentence-transformers does for all-MiniLM-L6-v2.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    io::Cursor,
    sync::OnceLock,
};

use candle_core::{
    Device, IndexOp, Result, Tensor,
    quantized::{GgmlDType, QStorage, QTensor, gguf_file::Content},
};
use candle_nn::ops::{layer_norm, softmax_last_dim};
use serde::Deserialize;
use tokenizers::Tokenizer;

use crate::weights::{Weights, bytes};

/// The weights: a GGUF file, made by `tools/make_model.py`.
pub static WEIGHTS: &[u8] = include_bytes!("../../../data/minilm.gguf");
static TOKENIZER: &[u8] = include_bytes!("../../../data/minilm-tokenizer.json");

/// Whether the model has this word, folded, as one token: some 30,000 do, nearly all of them English.
pub fn is_token(word: &str) -> bool {
    static WORDS: OnceLock<HashSet<String>> = OnceLock::new();
    WORDS.get_or_init(whole_words).contains(word)
}

/// The whole words of the tokenizer's vocabulary.
fn whole_words() -> HashSet<String> {
    #[derive(Deserialize)]
    struct Shipped {
        model: Vocabulary,
    }
    #[derive(Deserialize)]
    struct Vocabulary {
        vocab: HashMap<String, u32>,
    }
    let vocabulary =
        serde_json::from_slice(TOKENIZER).map_or_else(|_| HashMap::new(), |read: Shipped| read.model.vocab);
    vocabulary.into_keys().filter(|token| token.chars().all(char::is_alphabetic)).collect()
}

/// Longest text in tokens, `[CLS]` and `[SEP]` included; the rest is cut off (the model was trained with so many).
const MAX_TOKENS: usize = 256;

/// Most tokens of one forward pass, padding included: six tags of usual length. Bounds the memory, and keeps what a pass
/// works on in the processor's cache.
const BATCH_TOKENS: usize = 512;

/// From so many tokens in one pass weights are widened to f32.
const WIDEN_FROM: usize = 64;

const HEADS: usize = 12;
const LAYERS: usize = 6;
const LAYER_NORM_EPSILON: f32 = 1e-12;

/// Added to the attention scores of padding, so that it gets no weight.
const MASKED: f32 = -1e9;

/// The loaded model.
pub struct Model {
    tokenizer: Tokenizer,
    words: WordTable,
    /// Position embeddings, with that of the only token type added.
    positions: Tensor,
    norm: Norm,
    layers: Vec<Layer>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Model")
    }
}

/// The embeddings of all words, left where they are in the binary: a query needs a handful of 30,522 rows.
struct WordTable {
    bytes: &'static [u8],
    width: usize,
    row_bytes: usize,
}

impl WordTable {
    fn read(content: &Content) -> Result<Self> {
        const NAME: &str = "embeddings.word_embeddings.weight";
        let bytes = bytes(content, NAME)?;
        let (rows, width) = content.tensor_infos[NAME].shape.dims2()?;
        Ok(Self { bytes, width, row_bytes: bytes.len() / rows })
    }

    /// The embeddings of these words: words × 384.
    fn rows(&self, ids: &[u32]) -> Result<Tensor> {
        let mut rows = Vec::with_capacity(ids.len() * self.row_bytes);
        for id in ids {
            let row = self.bytes.chunks_exact(self.row_bytes).nth(*id as usize);
            rows.extend_from_slice(row.ok_or_else(|| candle_core::Error::msg(format!("no word {id}")))?);
        }
        let storage = QStorage::from_data(Cow::Owned(rows), &Device::Cpu, GgmlDType::Q8_0)?;
        QTensor::new(storage, (ids.len(), self.width))?.dequantize(&Device::Cpu)
    }
}

struct Linear {
    weights: Weights,
    bias: Tensor,
}

impl Linear {
    /// Few tokens are multiplied by the 8-bit weights as they are; for many it is several times faster to widen the
    /// weights first.
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let (texts, tokens, width) = input.dims3()?;
        let input = input.reshape((texts * tokens, width))?;
        let output = if texts * tokens < WIDEN_FROM {
            let output = self.weights.multiply(&input.flatten_all()?.to_vec1()?);
            Tensor::from_vec(output, (texts * tokens, self.bias.elem_count()), &Device::Cpu)?
        } else {
            input.matmul(&self.weights.widened()?.t()?)?
        };
        output.broadcast_add(&self.bias)?.reshape((texts, tokens, ()))
    }
}

struct Norm {
    weight: Tensor,
    bias: Tensor,
}

impl Norm {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        layer_norm(input, &self.weight, &self.bias, LAYER_NORM_EPSILON)
    }
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attention_out: Linear,
    attention_norm: Norm,
    intermediate: Linear,
    out: Linear,
    norm: Norm,
}

impl Layer {
    /// `hidden`: texts × tokens × 384; `mask`: texts × 1 × 1 × tokens.
    fn forward(&self, hidden: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let (texts, tokens, width) = hidden.dims3()?;
        let heads =
            |tensor: Tensor| tensor.reshape((texts, tokens, HEADS, width / HEADS))?.transpose(1, 2)?.contiguous();
        let query = heads(self.query.forward(hidden)?)?;
        let key = heads(self.key.forward(hidden)?)?;
        let value = heads(self.value.forward(hidden)?)?;
        #[expect(clippy::cast_precision_loss, reason = "32 is exact")]
        let scale = 1.0 / ((width / HEADS) as f64).sqrt();
        let scores = (query.matmul(&key.transpose(2, 3)?)? * scale)?.broadcast_add(mask)?;
        let context = softmax_last_dim(&scores)?.matmul(&value)?;
        let context = context.transpose(1, 2)?.reshape((texts, tokens, width))?;
        let attended = self.attention_norm.forward(&(self.attention_out.forward(&context)? + hidden)?)?;
        let widened = self.intermediate.forward(&attended)?.gelu_erf()?;
        self.norm.forward(&(self.out.forward(&widened)? + attended)?)
    }
}

/// Reads tensors by the names that the original has.
struct Reader {
    content: Content,
    file: Cursor<&'static [u8]>,
}

impl Reader {
    fn vector(&mut self, name: &str) -> Result<Tensor> {
        self.content.tensor(&mut self.file, name, &Device::Cpu)?.dequantize(&Device::Cpu)
    }

    fn linear(&mut self, name: &str) -> Result<Linear> {
        let weights = Weights::read(&self.content, &format!("{name}.weight"))?;
        Ok(Linear { weights, bias: self.vector(&format!("{name}.bias"))? })
    }

    fn norm(&mut self, name: &str) -> Result<Norm> {
        Ok(Norm { weight: self.vector(&format!("{name}.weight"))?, bias: self.vector(&format!("{name}.bias"))? })
    }

    fn layer(&mut self, number: usize) -> Result<Layer> {
        let name = |part: &str| format!("encoder.layer.{number}.{part}");
        Ok(Layer {
            query: self.linear(&name("attention.self.query"))?,
            key: self.linear(&name("attention.self.key"))?,
            value: self.linear(&name("attention.self.value"))?,
            attention_out: self.linear(&name("attention.output.dense"))?,
            attention_norm: self.norm(&name("attention.output.LayerNorm"))?,
            intermediate: self.linear(&name("intermediate.dense"))?,
            out: self.linear(&name("output.dense"))?,
            norm: self.norm(&name("output.LayerNorm"))?,
        })
    }
}

impl Model {
    /// Reads the weights that are part of the binary: about 0.1 s.
    ///
    /// # Errors
    /// Weights or tokenizer are not what they should be.
    pub fn load() -> Result<Self> {
        let tokenizer = Tokenizer::from_bytes(TOKENIZER).map_err(candle_core::Error::msg)?;
        let mut file = Cursor::new(WEIGHTS);
        let content = Content::read(&mut file)?;
        let mut reader = Reader { content, file };
        let types = reader.vector("embeddings.token_type_embeddings.weight")?;
        let positions = reader.vector("embeddings.position_embeddings.weight")?.broadcast_add(&types.i(0)?)?;
        Ok(Self {
            tokenizer,
            words: WordTable::read(&reader.content)?,
            positions,
            norm: reader.norm("embeddings.LayerNorm")?,
            layers: (0..LAYERS).map(|number| reader.layer(number)).collect::<Result<_>>()?,
        })
    }

    /// A vector for each text, 384 × f32, L2-normalised, in order. Takes milliseconds to seconds, on as many threads as there are
    /// batches and processors.
    ///
    /// # Errors
    /// A text cannot be tokenised, or a tensor operation fails.
    pub fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let mut tokens: Vec<(usize, Vec<u32>)> = Vec::with_capacity(texts.len());
        for (place, text) in texts.iter().enumerate() {
            tokens.push((place, self.tokens(text)?));
        }
        // Texts of one length together: padding costs as much as words.
        tokens.sort_by_key(|(_, tokens)| tokens.len());
        let mut batches = Vec::new();
        let mut rest = tokens.as_slice();
        while !rest.is_empty() {
            let mut count = 1;
            while rest.get(count).is_some_and(|(_, next)| next.len() * (count + 1) <= BATCH_TOKENS) {
                count += 1;
            }
            let (batch, later) = rest.split_at(count);
            batches.push(batch);
            rest = later;
        }
        let mut vectors = vec![Vec::new(); texts.len()];
        for (batch, made) in batches.iter().zip(self.forward_all(&batches)) {
            for ((place, _), vector) in batch.iter().zip(made?) {
                vectors[*place] = vector;
            }
        }
        Ok(vectors)
    }

    /// A pass for each batch, on as many threads as there are processors: the multiplication itself runs on one.
    fn forward_all(&self, batches: &[&[(usize, Vec<u32>)]]) -> Vec<Result<Vec<Vec<f32>>>> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(batches.len());
        if threads <= 1 {
            return batches.iter().map(|batch| self.forward(batch)).collect();
        }
        let mut made: Vec<_> = batches.iter().map(|_| Ok(Vec::new())).collect();
        let share = batches.len().div_ceil(threads);
        std::thread::scope(|scope| {
            for (batches, made) in batches.chunks(share).zip(made.chunks_mut(share)) {
                scope.spawn(|| {
                    for (batch, made) in batches.iter().zip(made) {
                        *made = self.forward(batch);
                    }
                });
            }
        });
        made
    }

    fn tokens(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.tokenizer.encode_fast(text, true).map_err(candle_core::Error::msg)?;
        let mut tokens = encoding.get_ids().to_vec();
        if tokens.len() > MAX_TOKENS {
            let end = tokens.last().copied();
            tokens.truncate(MAX_TOKENS - 1);
            tokens.extend(end);
        }
        Ok(tokens)
    }

    /// One pass over texts ordered by length, padded to the last and longest.
    fn forward(&self, batch: &[(usize, Vec<u32>)]) -> Result<Vec<Vec<f32>>> {
        let (texts, length) = (batch.len(), batch.last().map_or(0, |(_, tokens)| tokens.len()));
        let mut ids = Vec::with_capacity(texts * length);
        let mut kept = Vec::with_capacity(texts * length);
        for (_, tokens) in batch {
            ids.extend(tokens.iter().copied().chain(std::iter::repeat_n(0, length - tokens.len())));
            kept.extend((0..length).map(|position| f32::from(u8::from(position < tokens.len()))));
        }
        let kept = Tensor::from_vec(kept, (texts, length), &Device::Cpu)?;
        let mask = ((1.0 - &kept)? * f64::from(MASKED))?.reshape((texts, 1, 1, length))?;
        let embedded =
            self.words.rows(&ids)?.reshape((texts, length, ()))?.broadcast_add(&self.positions.i(..length)?)?;
        let mut hidden = self.norm.forward(&embedded)?;
        for layer in &self.layers {
            hidden = layer.forward(&hidden, &mask)?;
        }
        let sum = hidden.broadcast_mul(&kept.unsqueeze(2)?)?.sum(1)?;
        // The sum has the direction of the mean, and only that is kept.
        let norm = sum.sqr()?.sum_keepdim(1)?.sqrt()?;
        sum.broadcast_div(&norm)?.to_vec2()
    }
}
