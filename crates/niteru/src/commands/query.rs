//! What a search asks for: an embedding from images, texts and examples, and a filter.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use niteru_encoder::{EmbedOptions, Encoder};
use niteru_imaging::{Limits, Picture, Region};
use niteru_index::{Condition, mean_direction, rocchio};
use niteru_store::{Collection, Image, StoreError};

use super::explain::Looked;
use super::images;
use crate::args::SearchArgs;
use crate::report::{Restriction, Shown};

/// The images and texts to look for.
pub(super) struct Asked {
    /// Unit length.
    pub(super) embedding: Vec<f32>,
    pub(super) filter: Option<Condition>,
    /// Ids of the examples, which are no results.
    pub(super) examples: Vec<u64>,
    /// The rectangle of the image that was looked for.
    cropped: Option<Picture>,
    like: Vec<Image>,
    unlike: Vec<Image>,
}

impl Asked {
    /// Whether something has to be embedded: examples are.
    pub(super) fn needs_encoder(args: &SearchArgs) -> bool {
        !args.images.is_empty() || args.text.is_some() || args.explain
    }

    /// Understands what was asked; the filter first, since it costs least.
    pub(super) fn new(
        collection: &Collection<'_>,
        encoder: Option<&Encoder>,
        args: &SearchArgs,
    ) -> Result<Asked> {
        let examples = |named: &[String]| {
            let find = |image: &String| images::find(collection, image);
            named.iter().map(find).collect::<Result<Vec<_>>>()
        };
        let (like, unlike) = (examples(&args.like)?, examples(&args.unlike)?);
        let filter = filter(collection, args, &like)?;
        let cropped = cropped(args)?;
        let query = match encoder {
            Some(encoder) => query_embedding(encoder, args, cropped.as_ref())?,
            None => None,
        };
        let embedding = match query {
            Some(query) if like.is_empty() && unlike.is_empty() => query,
            query => {
                let (good, bad) = (
                    embeddings(collection, &like)?,
                    embeddings(collection, &unlike)?,
                );
                rocchio(query.as_deref(), &good, &bad)?
            }
        };
        let examples = like.iter().chain(&unlike).map(|image| image.id).collect();
        Ok(Asked {
            embedding,
            filter,
            examples,
            cropped,
            like,
            unlike,
        })
    }

    /// What was looked for, for a report.
    pub(super) fn shown(&self, args: &SearchArgs) -> Vec<Shown> {
        let photo = |path: &PathBuf| match &self.cropped {
            Some(part) => Shown::with_picture(path, Some(part)),
            None => Shown::open(path),
        };
        let photos = args.images.iter().map(photo);
        let examples = self.like.iter().map(|image| Shown::open(&image.path));
        let texts = args.text.iter().cloned().map(Shown::named);
        photos.chain(examples).chain(texts).collect()
    }

    /// The pictures that were looked for: the crop, the photos, or without them the examples.
    pub(super) fn looked_for(&self, args: &SearchArgs) -> Result<Vec<Looked>> {
        let open = |path: &PathBuf| {
            let picture = Picture::open(path, &Limits::default());
            Ok(Looked {
                path: path.clone(),
                picture: picture
                    .with_context(|| format!("cannot explain with {}", path.display()))?,
            })
        };
        if let (Some(picture), Some(path)) = (&self.cropped, args.images.first()) {
            return Ok(vec![Looked {
                path: path.clone(),
                picture: picture.clone(),
            }]);
        }
        let examples = self.like.iter().map(|image| &image.path);
        let looked: Vec<Looked> = match args.images.is_empty() {
            true => examples.map(open).collect::<Result<_>>()?,
            false => args.images.iter().map(open).collect::<Result<_>>()?,
        };
        if looked.is_empty() {
            bail!("--explain shows places of two images; name one to look for beside the text");
        }
        Ok(looked)
    }

    /// What narrows the search, for a report.
    pub(super) fn restrictions(&self, args: &SearchArgs) -> Vec<Restriction> {
        let only = args.filter.iter().cloned().map(Restriction::Only);
        let not = args.not.iter().cloned().map(Restriction::Not);
        let unlike = self.unlike.iter();
        let unlike = unlike.map(|image| Restriction::Unlike(image.path.display().to_string()));
        only.chain(not).chain(unlike).collect()
    }
}

/// All `--filter` and no `--not`.
fn filter(
    collection: &Collection<'_>,
    args: &SearchArgs,
    like: &[Image],
) -> Result<Option<Condition>> {
    let own = |field: &str| own_values(collection, &args.images, like, field);
    let parse = |text: &String| Condition::parse_for_query(text, &own);
    let mut all = Vec::new();
    for text in &args.filter {
        all.push(parse(text)?);
    }
    for text in &args.not {
        all.push(parse(text)?.negated());
    }
    Ok((!all.is_empty()).then_some(Condition::And(all)))
}

/// The values of the query images in a field, each once: of the photos, or without one of the
/// examples to look for. The message says why there are none.
fn own_values(
    collection: &Collection<'_>,
    photos: &[PathBuf],
    like: &[Image],
    field: &str,
) -> Result<Vec<String>, String> {
    let mut images = Vec::new();
    for photo in photos {
        images.extend(collection.images_of_file(photo).map_err(|error| match error {
            StoreError::NoImage { .. } => format!(
                "{} is not in collection {:?}, by its path or its contents, so it has no value of its \
                 own there; write the value instead of @query",
                photo.display(),
                collection.name()
            ),
            other => other.to_string(),
        })?);
    }
    if photos.is_empty() {
        images.extend(like.iter().cloned());
    }
    if images.is_empty() {
        return Err("there is no query image here".into());
    }
    let mut values: Vec<String> = Vec::new();
    for value in images.iter().filter_map(|image| image.metadata.get(field)) {
        if !values.iter().any(|known| known == value) {
            values.push(value.to_owned());
        }
    }
    let is_field = collection.fields().map_err(|error| error.to_string())?;
    // A field that the collection does not have gets its own message, with those that it has.
    if values.is_empty() && is_field.iter().any(|known| known == field) {
        return Err(format!("the query image has no value for {field:?}"));
    }
    Ok(values)
}

/// The rectangle of the one image.
fn cropped(args: &SearchArgs) -> Result<Option<Picture>> {
    let Some(region) = &args.crop else {
        return Ok(None);
    };
    let [path] = &args.images[..] else {
        bail!(
            "--crop takes a rectangle of one image; name one, not {}",
            args.images.len()
        );
    };
    crop(path, region).map(Some)
}

fn crop(path: &Path, region: &Region) -> Result<Picture> {
    let part = Picture::open(path, &Limits::default())?;
    let part = region.crop(&part);
    part.with_context(|| format!("cannot crop {}", path.display()))
}

/// The direction of images and text together; `None` where there are only examples.
fn query_embedding(
    encoder: &Encoder,
    args: &SearchArgs,
    cropped: Option<&Picture>,
) -> Result<Option<Vec<f32>>> {
    let text = match &args.text {
        Some(text) => Some(encoder.embed_texts(&[text.as_str()])?.remove(0)),
        None => None,
    };
    let images: Vec<Vec<f32>> = match cropped {
        Some(part) => encoder
            .embed_images(std::slice::from_ref(part))
            .into_iter()
            .collect::<Result<_, _>>()?,
        None => args
            .images
            .iter()
            .map(|path| embed_one(encoder, path))
            .collect::<Result<_>>()?,
    };
    if images.is_empty() {
        return Ok(text);
    }
    let image = mean_direction(&images)?;
    Ok(Some(match text {
        Some(text) => encoder.combine(&image, &text, args.text_weight)?,
        None => image,
    }))
}

fn embeddings(collection: &Collection<'_>, images: &[Image]) -> Result<Vec<Vec<f32>>> {
    let embedding = |image: &Image| Ok(collection.embedding(image.id)?);
    images.iter().map(embedding).collect()
}

/// The embedding of one file.
pub(super) fn embed_one(encoder: &Encoder, path: &Path) -> Result<Vec<f32>> {
    let mut embedding = None;
    encoder.embed_files(
        std::iter::once(path),
        &EmbedOptions::default(),
        &mut |_, result| {
            embedding = Some(result);
            ControlFlow::Break(())
        },
    );
    match embedding {
        Some(result) => {
            let embedded = result.with_context(|| format!("cannot look for {}", path.display()))?;
            Ok(embedded.embedding)
        }
        None => bail!("{} was not embedded", path.display()),
    }
}
