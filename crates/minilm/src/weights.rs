//! Matrices of 8-bit weights: blocks of 32 values with a scale each, as GGUF's `Q8_0` has them, and their product with few
//! tokens. With candle's own product a query took 15.2 to 15.8 ms on one core, with this one 9.8 (`cargo bench --bench embed`).

use std::borrow::Cow;

use candle_core::{
    Device, Result, Tensor,
    quantized::{GgmlDType, gguf_file::Content},
};
use pulp::Arch;

use crate::model::WEIGHTS;

/// Values of a block.
const BLOCK: usize = 32;

/// Bytes of a block in the file: the scale in half precision, then the values.
const BLOCK_BYTES: usize = 2 + BLOCK;

/// Largest magnitude of an 8-bit value.
const LARGEST: f32 = 127.0;

/// A block as the file has it.
type Block = [u8; BLOCK_BYTES];

/// A matrix: outputs × inputs. Its values stay where they are in the binary: a copy would cost 11 MB of memory for all of them.
pub(crate) struct Weights {
    blocks: Cow<'static, [Block]>,
    /// One a block.
    scales: Vec<f32>,
    outputs: usize,
    inputs: usize,
}

/// Tokens in 8 bits, widened for the multiplication.
struct Tokens {
    values: Vec<i16>,
    /// One a block.
    scales: Vec<f32>,
}

impl Weights {
    /// Reads a matrix of the model file by its name.
    pub(crate) fn read(content: &Content, name: &str) -> Result<Self> {
        let bytes = bytes(content, name)?;
        let (outputs, inputs) = content.tensor_infos[name].shape.dims2()?;
        let (blocks, _) = bytes.as_chunks::<BLOCK_BYTES>();
        Ok(Self::of(Cow::Borrowed(blocks), outputs, inputs))
    }

    fn of(blocks: Cow<'static, [Block]>, outputs: usize, inputs: usize) -> Self {
        let scales = blocks.iter().map(|block| half::f16::from_le_bytes([block[0], block[1]]).to_f32()).collect();
        Self { blocks, scales, outputs, inputs }
    }

    /// `input` (tokens × inputs) by the transposed matrix: tokens × outputs.
    pub(crate) fn multiply(&self, input: &[f32]) -> Vec<f32> {
        let tokens = Tokens::quantise(input);
        let mut output = vec![0.0; input.len() / self.inputs * self.outputs];
        // With the widest vector instructions of this machine.
        Arch::new().dispatch(|| self.product(&tokens, &mut output));
        output
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "compiled anew for each set of vector instructions")]
    fn product(&self, tokens: &Tokens, output: &mut [f32]) {
        let blocks = self.inputs / BLOCK;
        let (token_values, _) = tokens.values.as_chunks::<BLOCK>();
        for (place, (row, scales)) in self.blocks.chunks_exact(blocks).zip(self.scales.chunks_exact(blocks)).enumerate()
        {
            let each = token_values.chunks_exact(blocks).zip(tokens.scales.chunks_exact(blocks));
            for ((token, factors), output) in each.zip(output.chunks_exact_mut(self.outputs)) {
                let mut sum = 0.0;
                for (((weights, scale), values), factor) in row.iter().zip(scales).zip(token).zip(factors) {
                    #[expect(clippy::cast_precision_loss, reason = "at most 32 × 127 × 127, which is exact")]
                    let product = dot(values_of(weights), values) as f32;
                    sum += product * (scale * factor);
                }
                output[place] = sum;
            }
        }
    }

    /// The matrix in full precision.
    pub(crate) fn widened(&self) -> Result<Tensor> {
        let values: Vec<f32> = self
            .blocks
            .iter()
            .zip(&self.scales)
            .flat_map(|(block, scale)| values_of(block).iter().map(move |value| f32::from(value.cast_signed()) * scale))
            .collect();
        Tensor::from_vec(values, (self.outputs, self.inputs), &Device::Cpu)
    }
}

impl Tokens {
    /// Each block by its largest magnitude.
    fn quantise(input: &[f32]) -> Self {
        let (blocks, _) = input.as_chunks::<BLOCK>();
        let mut tokens = Self { values: Vec::with_capacity(input.len()), scales: Vec::with_capacity(blocks.len()) };
        for block in blocks {
            let largest = block.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
            let inverse = if largest > 0.0 { LARGEST / largest } else { 0.0 };
            #[expect(clippy::cast_possible_truncation, reason = "within -127..=127")]
            tokens.values.extend(block.iter().map(|value| (value * inverse).round_ties_even() as i16));
            tokens.scales.push(largest / LARGEST);
        }
        tokens
    }
}

/// The bytes of a tensor of 8 bits, where they lie in the model file.
pub(crate) fn bytes(content: &Content, name: &str) -> Result<&'static [u8]> {
    let info =
        content.tensor_infos.get(name).ok_or_else(|| candle_core::Error::msg(format!("the model has no {name}")))?;
    if info.ggml_dtype != GgmlDType::Q8_0 {
        return Err(candle_core::Error::msg(format!("{name} is not of 8 bits")));
    }
    let start = usize::try_from(content.tensor_data_offset + info.offset).map_err(candle_core::Error::wrap)?;
    let length = info.shape.elem_count() / BLOCK * BLOCK_BYTES;
    let bytes = WEIGHTS.get(start..start + length);
    bytes.ok_or_else(|| candle_core::Error::msg(format!("{name} is cut off")))
}

/// The values of a block, as bytes: what follows its scale.
#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled anew for each set of vector instructions")]
fn values_of(block: &Block) -> &[u8; BLOCK] {
    let [_, _, values @ ..] = block;
    values
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled anew for each set of vector instructions")]
fn dot(weights: &[u8; BLOCK], values: &[i16; BLOCK]) -> i32 {
    // Wrapping, which it never does: a check would keep it from being vectorised.
    let each = weights.iter().zip(values);
    each.fold(0i32, |sum, (w, v)| sum.wrapping_add(i32::from(i16::from(w.cast_signed())) * i32::from(*v)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_is_that_of_full_precision_but_for_rounding() {
        let (outputs, inputs) = (5, 64);
        let mut random = fastrand::Rng::with_seed(1);
        let block = |_| {
            let mut block = [0; BLOCK_BYTES];
            block[..2].copy_from_slice(&half::f16::from_f32(random.f32() / 100.0).to_le_bytes());
            block[2..].fill_with(|| random.i8(-127..).cast_unsigned());
            block
        };
        let blocks: Vec<Block> = (0..outputs * inputs / BLOCK).map(block).collect();
        let weights = Weights::of(blocks.into(), outputs, inputs);
        let mut input: Vec<f32> = (0..3 * inputs).map(|_| random.f32() - 0.5).collect();
        // A token of nothing.
        input[inputs..2 * inputs].fill(0.0);
        let exact = Tensor::from_slice(&input, (3, inputs), &Device::Cpu).unwrap();
        let exact = exact.matmul(&weights.widened().unwrap().t().unwrap()).unwrap().flatten_all().unwrap();
        let made = weights.multiply(&input);
        assert_eq!(made[outputs..2 * outputs], [0.0; 5]);
        for (made, exact) in made.iter().zip(exact.to_vec1::<f32>().unwrap()) {
            assert!((made - exact).abs() < 0.03, "{made} for {exact}");
        }
    }
}
