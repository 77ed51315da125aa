//! Images that are sent only to be looked at: compared, embedded. Nothing of them is kept.

use std::ops::ControlFlow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use niteru_store::below::encoder::{EmbedError, EmbedOptions, Encoder, with_causes};
use niteru_store::below::imaging::{Mask, Picture};
use niteru_store::below::inspect::{CompareError, CompareOptions, Comparison, MOST_TILES, compare};
use niteru_store::{ComparedPhotos, Role, similarity_matrix};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::models::EncoderWords;
use super::uploads::{Looked, REQUEST_BYTES, REQUEST_TIME, Refused, Sent, look_at_files};
use crate::app::App;
use crate::error::ApiError;
use crate::problem::Kind;
use crate::route::{Form, Json, Route, ask};

/// Longest side of a heat map that is sent, in pixels.
const HEAT_SIDE: u32 = 1280;

const QUALITY: u8 = 88;

/// Most images and texts at a time.
const MOST: usize = 200;

/// Most characters of a text.
const MOST_CHARACTERS: usize = 2000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        ask(
            "/api/compare-photos",
            "Where two photos of the same thing differ: the first file is how it should be, the second how it is; \
             a third is the area, white where they are compared",
            Role::Operator,
            photos,
        )
        .takes(REQUEST_BYTES, REQUEST_TIME),
        ask(
            "/api/similarities",
            "The similarity of every pair of uploaded images",
            Role::Viewer,
            similarities,
        )
        .takes(REQUEST_BYTES, REQUEST_TIME),
        ask(
            "/api/embeddings",
            "The embeddings of uploaded images, and of texts in the part `query`",
            Role::Viewer,
            embeddings,
        )
        .takes(REQUEST_BYTES, REQUEST_TIME),
    ]
}

/// What is asked for beside the photos.
#[derive(Deserialize, ToSchema)]
#[serde(default)]
struct CompareQuery {
    /// Whether the second photo is laid on the first.
    align: bool,
    /// Tiles along each side; left out: by the first photo's size.
    tiles: Option<u32>,
    /// How the photos are seen.
    #[serde(flatten)]
    encoder: EncoderWords,
}

impl Default for CompareQuery {
    fn default() -> CompareQuery {
        CompareQuery {
            align: true,
            tiles: None,
            encoder: EncoderWords::default(),
        }
    }
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct EmbedQuery {
    /// Texts that are embedded, too.
    texts: Vec<String>,
    /// How images become embeddings.
    #[serde(flatten)]
    encoder: EncoderWords,
}

/// What was found, with pictures of both photos.
#[derive(Serialize, ToSchema)]
struct ToldComparison {
    #[serde(flatten)]
    compared: ComparedPhotos,
    /// The first photo and the second.
    #[schema(value_type = Vec<ShownPhoto>)]
    shown: [ShownPhoto; 2],
}

/// A photo as it can be shown.
#[derive(Serialize, ToSchema)]
struct ShownPhoto {
    /// JPEG in an address, no longer than 1280 pixels along a side.
    picture: String,
    /// Width of the photo itself, which places are in pixels of.
    width: u32,
    /// And its height.
    height: u32,
}

/// The similarity of every pair.
#[derive(Serialize, ToSchema)]
struct Similarities {
    model: String,
    /// What the files were called.
    images: Vec<String>,
    /// Row by row, images down and across.
    matrix: Vec<Vec<f32>>,
    skipped: Vec<SkippedFile>,
}

#[derive(Serialize, ToSchema)]
struct Embeddings {
    model: String,
    /// Texts first, then images, each in the order in which it came.
    embeddings: Vec<Embedding>,
    skipped: Vec<SkippedFile>,
}

#[derive(Serialize, ToSchema)]
struct Embedding {
    /// The text, or what the file was called.
    input: String,
    /// A unit vector.
    embedding: Vec<f32>,
}

/// A file that could not be used.
#[derive(Serialize, ToSchema)]
struct SkippedFile {
    path: String,
    reason: String,
}

impl From<Refused> for SkippedFile {
    fn from(refused: Refused) -> SkippedFile {
        SkippedFile {
            path: refused.name,
            reason: refused.reason,
        }
    }
}

async fn photos(app: Arc<App>, form: Form<CompareQuery>) -> Result<Json<ToldComparison>, ApiError> {
    let sent = look_at_files(&app, form).await?;
    if let Some(refused) = sent.refused.into_iter().next() {
        let message = format!("{}: {}", refused.name, refused.reason);
        let status = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
        return Err(
            ApiError::new(status, Kind::UnusableImage, message).because(refused.problem.clone())
        );
    }
    let query = sent.query.unwrap_or_default();
    app.heavy(move |app| {
        let sent: Vec<&Looked> = sent.order.iter().map(|&at| &sent.kept[at]).collect();
        Ok(Json(compared(app, &query, &sent)?))
    })
    .await
}

fn compared(app: &App, query: &CompareQuery, sent: &[&Looked]) -> Result<ToldComparison, ApiError> {
    let (a, b, area) = match *sent {
        [a, b] => (a, b, None),
        [a, b, area] => (a, b, Some(area)),
        _ => {
            let message = format!(
                "this takes two photos, and if wanted an area, not {} files",
                sent.len()
            );
            return Err(ApiError::bad(message).because(Kind::TwoPhotos));
        }
    };
    if query
        .tiles
        .is_some_and(|tiles| !(1..=MOST_TILES).contains(&tiles))
    {
        return Err(ApiError::bad(format!("tiles is from 1 to {MOST_TILES}")));
    }
    let open = |looked: &Looked| app.picture_of(&looked.path, None);
    let (first, second) = (open(a)?, open(b)?);
    let area = area.map(open).transpose()?;
    let options = CompareOptions {
        align: query.align,
        tiles: query.tiles,
        area: area.as_ref().map(Mask::from_picture),
    };
    let encoder = app.encoder_chosen(query.encoder.choice()?)?;
    let found = compare(&encoder, &first, &second, &options).map_err(unequal)?;
    let compared = ComparedPhotos::new(
        [a.upload.name.clone(), b.upload.name.clone()],
        [second.width(), second.height()],
        &found,
        Some(heat(&found, &second)?),
    );
    let shown = [shown(&first)?, shown(&second)?];
    Ok(ToldComparison { compared, shown })
}

/// A photo as every browser draws it, upright.
fn shown(photo: &Picture) -> Result<ShownPhoto, ApiError> {
    let bytes = photo.thumbnail(HEAT_SIDE).to_jpeg(QUALITY);
    let bytes = bytes.map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(ShownPhoto {
        picture: format!("data:image/jpeg;base64,{}", STANDARD.encode(bytes)),
        width: photo.width(),
        height: photo.height(),
    })
}

fn unequal(error: CompareError) -> ApiError {
    match error {
        CompareError::Heat(_) => ApiError::internal(error.to_string()),
        other => ApiError::bad(other.to_string()).because_of(&other),
    }
}

/// The heat map over the second photo, as the address of a picture that is in the address itself.
fn heat(found: &Comparison, second: &Picture) -> Result<String, ApiError> {
    let failed = |error: &dyn std::fmt::Display| ApiError::internal(error.to_string());
    let scale = Comparison::heat_scale().map_err(|error| failed(&error))?;
    let heat = found.heat_of_second().map_err(|error| failed(&error))?;
    let small = second.thumbnail(HEAT_SIDE);
    let bytes = heat.overlay(&small, scale).to_png();
    let bytes = bytes.map_err(|error| failed(&error))?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(bytes)))
}

async fn similarities(
    app: Arc<App>,
    form: Form<EmbedQuery>,
) -> Result<Json<Similarities>, ApiError> {
    let sent = look_at_files(&app, form).await?;
    app.heavy(move |app| {
        let (encoder, embedded, skipped) = embed_sent(app, sent)?;
        if embedded.len() < 2 {
            let message = "fewer than two images could be read; nothing to compare";
            return Err(ApiError::bad(message).because(Kind::NothingReadable));
        }
        let (images, embeddings): (Vec<String>, Vec<Vec<f32>>) = embedded
            .into_iter()
            .map(|one| (one.input, one.embedding))
            .unzip();
        Ok(Json(Similarities {
            model: encoder.model().to_owned(),
            images,
            matrix: similarity_matrix(encoder.kernels(), &embeddings),
            skipped,
        }))
    })
    .await
}

async fn embeddings(app: Arc<App>, form: Form<EmbedQuery>) -> Result<Json<Embeddings>, ApiError> {
    let sent = look_at_files(&app, form).await?;
    app.heavy(move |app| {
        let (encoder, embeddings, skipped) = embed_sent(app, sent)?;
        Ok(Json(Embeddings {
            model: encoder.model().to_owned(),
            embeddings,
            skipped,
        }))
    })
    .await
}

/// What was embedded, with the encoder that did it and what could not be used.
type Embedded = (Arc<Encoder>, Vec<Embedding>, Vec<SkippedFile>);

/// Embeds texts and images that were sent.
fn embed_sent(app: &Arc<App>, sent: Sent<EmbedQuery, Looked>) -> Result<Embedded, ApiError> {
    let query = sent.query.unwrap_or_default();
    let mut skipped: Vec<SkippedFile> = sent.refused.into_iter().map(Into::into).collect();
    let (texts, kept) = (&query.texts, &sent.kept);
    let long = |text: &String| text.chars().count() > MOST_CHARACTERS;
    if texts.len() > MOST || kept.len() > MOST || texts.iter().any(long) {
        return Err(ApiError::bad(format!(
            "at most {MOST} texts of {MOST_CHARACTERS} characters, and {MOST} images"
        )));
    }
    let encoder = app.encoder_chosen(query.encoder.choice()?)?;
    let mut embedded = embed_texts(&encoder, texts)?;
    let options = EmbedOptions::default();
    let mut names = kept.iter().map(|looked| looked.upload.name.clone());
    let files = kept.iter().map(|looked| &looked.path);
    encoder.embed_files(files, &options, &mut |_, result| {
        // Results come in the order of the files.
        let input = names.next().unwrap_or_default();
        match result {
            Ok(found) => embedded.push(Embedding {
                input,
                embedding: found.embedding,
            }),
            Err(error) => skipped.push(SkippedFile {
                path: input,
                reason: reason(&error),
            }),
        }
        ControlFlow::Continue(())
    });
    Ok((encoder, embedded, skipped))
}

/// What is wrong with a file, without where it lies.
fn reason(error: &EmbedError) -> String {
    match error {
        EmbedError::Decode(error) => with_causes(error.reason()),
        other => with_causes(other),
    }
}

fn embed_texts(encoder: &Encoder, texts: &[String]) -> Result<Vec<Embedding>, ApiError> {
    if texts.is_empty() {
        // Models that read none are asked nothing.
        return Ok(Vec::new());
    }
    let asked: Vec<&str> = texts.iter().map(String::as_str).collect();
    let vectors = encoder.embed_texts(&asked);
    let vectors = vectors.map_err(|error| ApiError::bad(error.to_string()))?;
    let pairs = texts.iter().zip(vectors);
    Ok(pairs
        .map(|(text, embedding)| Embedding {
            input: text.clone(),
            embedding,
        })
        .collect())
}
