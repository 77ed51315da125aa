//! A transformer that sees an image as a grid of patches (ViT), as CLIP and DINOv2 have it.
//!
//! Source: Dosovitskiy et al., "An Image is Worth 16x16 Words" (2021). What its parts are called in the published
//! files, and which of them there are, stands with each kind of model.

use niteru_kernels::{Activation, Kernels};

use super::transformer::{Norm, Transformer, TransformerScratch};
use super::{Compute, FeatureMap, Linear, sized};
use crate::preprocess::Pixels;

/// Buffers of a vision pass; kept between passes.
pub(crate) struct VisionScratch {
    patches: Vec<f32>,
    embedded: Vec<f32>,
    tokens: Vec<f32>,
    transformer: TransformerScratch,
}

impl VisionScratch {
    pub(crate) fn new(kernels: Kernels) -> VisionScratch {
        VisionScratch {
            patches: Vec::new(),
            embedded: Vec::new(),
            tokens: Vec::new(),
            transformer: TransformerScratch::new(kernels),
        }
    }
}

/// The image tower.
pub(crate) struct VisionTower {
    /// Side of the square that it sees, in pixels: a multiple of `side`.
    pub(super) image_side: usize,
    /// Side of a patch, in pixels.
    pub(super) side: usize,
    /// Patches as one product: inputs in the order `[row][column][channel]`.
    pub(super) patch: Linear,
    /// Class token plus its position.
    pub(super) class: Vec<f32>,
    /// Positions of the patches, `[grid², hidden]`.
    pub(super) positions: Vec<f32>,
    /// Before the first layer, where there is one.
    pub(super) pre_norm: Option<Norm>,
    pub(super) transformer: Transformer,
    pub(super) post_norm: Norm,
    /// Into the space of the embeddings; `None` where that is the tower's own.
    pub(super) projection: Option<Linear>,
}

impl VisionTower {
    pub(crate) fn dimensions(&self) -> usize {
        let projection = self.projection.as_ref();
        projection.map_or(self.hidden(), Linear::outputs)
    }

    fn hidden(&self) -> usize {
        self.transformer.shape().hidden
    }

    /// Patches along each side of an image.
    fn grid(&self) -> usize {
        self.image_side / self.side
    }

    /// Embeddings before normalisation, `[images.len(), dimensions]`.
    pub(crate) fn forward(
        &self,
        compute: Compute,
        images: &[&Pixels],
        scratch: &mut VisionScratch,
    ) -> Vec<f32> {
        let tokens = self.embed_patches(compute, images, scratch);
        let lengths = vec![tokens; images.len()];
        let pooled: Vec<usize> = (0..images.len()).map(|i| i * tokens).collect();
        let x = &mut scratch.tokens[..images.len() * tokens * self.hidden()];
        let rows = self.transformer.forward_pooled(
            compute,
            x,
            &lengths,
            &pooled,
            &mut scratch.transformer,
        );
        self.project(compute, &rows)
    }

    /// Features of each patch in the space of the embeddings.
    ///
    /// The pooled token's final norm and projection are applied to every patch token.
    pub(crate) fn patches(
        &self,
        compute: Compute,
        image: &Pixels,
        scratch: &mut VisionScratch,
    ) -> FeatureMap {
        let tokens = self.embed_patches(compute, &[image], scratch);
        let hidden = self.hidden();
        let x = &mut scratch.tokens[..tokens * hidden];
        self.transformer
            .forward(compute, x, &[tokens], &mut scratch.transformer);
        FeatureMap {
            rows: self.grid(),
            columns: self.grid(),
            dimensions: self.dimensions(),
            data: self.project(compute, &x[hidden..]),
        }
    }

    /// The patch tokens after some layers, `[grid²][hidden]` for each, in the order of the network;
    /// layers after the last of them are not run.
    ///
    /// # Panics
    /// When there is no such layer, `layers` does not rise, or the image was prepared for another model.
    pub(crate) fn layer_maps(
        &self,
        compute: Compute,
        image: &Pixels,
        layers: &[usize],
        scratch: &mut VisionScratch,
    ) -> Vec<FeatureMap> {
        assert!(layers.is_sorted_by(|a, b| a < b), "layers {layers:?}");
        let tokens = self.embed_patches(compute, &[image], scratch);
        let (hidden, grid) = (self.hidden(), self.grid());
        let x = &mut scratch.tokens[..tokens * hidden];
        let mut next = 0;
        let after = |&last: &usize| {
            let transformer = &mut scratch.transformer;
            self.transformer
                .forward_layers(next..last + 1, compute, x, &[tokens], transformer);
            next = last + 1;
            FeatureMap {
                rows: grid,
                columns: grid,
                dimensions: hidden,
                data: x[hidden..].to_vec(),
            }
        };
        layers.iter().map(after).collect()
    }

    /// How many layers there are.
    pub(crate) fn layers(&self) -> usize {
        self.transformer.shape().layers
    }

    fn project(&self, compute: Compute, rows: &[f32]) -> Vec<f32> {
        let mut normed = vec![0.0; rows.len()];
        self.post_norm.forward(compute.kernels, rows, &mut normed);
        let Some(projection) = &self.projection else {
            return normed;
        };
        let mut out = vec![0.0; rows.len() / self.hidden() * projection.outputs()];
        projection.forward(compute, &normed, Activation::None, &mut out);
        out
    }

    /// Fills `scratch.tokens` with the first layer's input; returns the tokens per image.
    fn embed_patches(
        &self,
        compute: Compute,
        images: &[&Pixels],
        scratch: &mut VisionScratch,
    ) -> usize {
        let (hidden, grid, side) = (self.hidden(), self.grid(), self.side);
        let (count, row) = (grid * grid, side * 3);
        let inputs = side * row;
        let patches = sized(&mut scratch.patches, images.len() * count * inputs);
        for (image, patches) in images.iter().zip(patches.chunks_mut(count * inputs)) {
            let own = self.image_side;
            let size = (image.height(), image.width());
            assert_eq!(size, (own, own), "prepared for another model");
            let width = image.width() * 3;
            for (index, patch) in patches.chunks_mut(inputs).enumerate() {
                let corner = index / grid * side * width + index % grid * row;
                for (y, to) in patch.chunks_mut(row).enumerate() {
                    to.copy_from_slice(&image.data()[corner + y * width..][..row]);
                }
            }
        }
        let embedded = sized(&mut scratch.embedded, images.len() * count * hidden);
        self.patch
            .forward(compute, patches, Activation::None, embedded);

        let tokens = count + 1;
        let x = sized(&mut scratch.tokens, images.len() * tokens * hidden);
        for (x, patches) in x
            .chunks_mut(tokens * hidden)
            .zip(embedded.chunks_mut(count * hidden))
        {
            patches
                .iter_mut()
                .zip(&self.positions)
                .for_each(|(v, p)| *v += p);
            let (class, rest) = x.split_at_mut(hidden);
            match &self.pre_norm {
                Some(norm) => {
                    norm.forward(compute.kernels, &self.class, class);
                    norm.forward(compute.kernels, patches, rest);
                }
                None => {
                    class.copy_from_slice(&self.class);
                    rest.copy_from_slice(patches);
                }
            }
        }
        tokens
    }
}
