//! How images are alike: duplicates, which places make two alike, and the similarity of each with each.

use std::path::Path;
use std::sync::Arc;

use niteru_store::below::encoder::{AlikePlaces, Encoder};
use niteru_store::below::imaging::{MatrixPlot, Picture, Region};
use niteru_store::{Collection, DuplicateOptions, Duplicates, Image, Role};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::uploads::{REQUEST_BYTES, REQUEST_TIME, look_at_files, only_one};
use crate::app::App;
use crate::error::ApiError;
use crate::problem::Problem;
use crate::route::{File, Form, InPath, Json, JsonBody, Query, Route, ask, read};

/// Most places of a pair.
const PLACES: usize = 3;

/// Most images that are explained at a time: each is decoded, and goes through the network.
const EXPLAINED: usize = 20;

/// Most images of a matrix.
const COMPARED: usize = 200;

/// Most images whose plot has thumbnails, and their longest side in pixels.
const WITH_THUMBNAILS: usize = 40;
const THUMBNAIL: u32 = 160;

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/collections/{name}/duplicates",
            "Images that the collection holds more than once",
            Role::Viewer,
            duplicates,
        )
        .takes(0, REQUEST_TIME),
        ask(
            "/api/collections/{name}/explain",
            "Which places make images alike to another of the collection",
            Role::Viewer,
            explain,
        ),
        ask(
            "/api/collections/{name}/explain/upload",
            "Which places make images alike to an uploaded one; which images is the part `query`",
            Role::Viewer,
            explain_uploaded,
        )
        .takes(REQUEST_BYTES, REQUEST_TIME),
        read(
            "/api/collections/{name}/matrix",
            "The similarity of every pair of some images",
            Role::Viewer,
            matrix,
        ),
        read(
            "/api/collections/{name}/matrix/picture",
            "The same as a heat map: PNG",
            Role::Viewer,
            matrix_picture,
        ),
    ]
}

#[derive(Deserialize, IntoParams)]
struct From {
    /// Similarity from which embeddings count as the same; left out: 0.97.
    threshold: Option<f32>,
}

#[derive(Serialize, ToSchema)]
struct FoundDuplicates {
    collection: String,
    model: String,
    threshold: f32,
    #[serde(flatten)]
    duplicates: Duplicates,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct ExplainRequest {
    /// The image of the collection that others are compared with; not with an uploaded one.
    query: Option<u64>,
    /// A rectangle of the uploaded image, as shares of its sides: left, upper, width, height.
    crop: Option<[f64; 4]>,
    /// Numbers of the images to explain, at most 20.
    images: Vec<u64>,
}

#[derive(Serialize, ToSchema)]
struct Explained {
    collection: String,
    model: String,
    results: Vec<ExplainedImage>,
}

#[derive(Serialize, ToSchema)]
struct ExplainedImage {
    id: u64,
    why: Why,
}

/// As `search --explain --json` tells it.
#[derive(Serialize, ToSchema)]
struct Why {
    /// What the image was compared with.
    image: String,
    /// The places that are most alike, the strongest first: `query`, `result` (each `x`, `y`, `w`, `h` as shares
    /// of the sides) and `similarity`.
    #[schema(value_type = Vec<serde_json::Value>)]
    places: Vec<AlikePlaces>,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(flatten)]
    exactly: Option<Problem>,
}

#[derive(Deserialize, IntoParams)]
struct Ids {
    /// Numbers of images with commas between, at most 200.
    ids: String,
    /// What the picture calls its scale; left out: `cosine similarity`.
    scale: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Matrix {
    model: String,
    images: Vec<Image>,
    /// Row by row, images down and across.
    matrix: Vec<Vec<f32>>,
}

async fn duplicates(
    app: Arc<App>,
    InPath(name): InPath<String>,
    Query(from): Query<From>,
) -> Result<Json<FoundDuplicates>, ApiError> {
    app.heavy(move |app| {
        let collection = app.home.collection(&name)?;
        let mut options = DuplicateOptions::default();
        options.threshold = from.threshold.unwrap_or(options.threshold);
        if !(-1.0..=1.0).contains(&options.threshold) {
            return Err(ApiError::bad("threshold is from -1 to 1"));
        }
        Ok(Json(FoundDuplicates {
            model: collection.identity().model.clone(),
            threshold: options.threshold,
            duplicates: collection.duplicates(options)?,
            collection: name,
        }))
    })
    .await
}

async fn explain(
    app: Arc<App>,
    InPath(name): InPath<String>,
    JsonBody(request): JsonBody<ExplainRequest>,
) -> Result<Json<Explained>, ApiError> {
    let query = request
        .query
        .ok_or_else(|| ApiError::bad("query is the number of an image"))?;
    if request.crop.is_some() {
        return Err(ApiError::bad("crop takes a rectangle of an uploaded image"));
    }
    app.heavy(move |app| {
        let image = app.home.collection(&name)?.image(query)?;
        explained(app, &name, &app.file_of(&image)?, &request)
    })
    .await
}

async fn explain_uploaded(
    app: Arc<App>,
    InPath(name): InPath<String>,
    form: Form<ExplainRequest>,
) -> Result<Json<Explained>, ApiError> {
    let sent = look_at_files(&app, form).await?;
    let (request, looked) = only_one(sent)?;
    let request = request.unwrap_or_default();
    app.heavy(move |app| explained(app, &name, &looked.path, &request))
        .await
}

fn explained(
    app: &Arc<App>,
    name: &str,
    query: &Path,
    request: &ExplainRequest,
) -> Result<Json<Explained>, ApiError> {
    if request.images.len() > EXPLAINED {
        let message = format!("at most {EXPLAINED} images are explained at a time");
        return Err(ApiError::bad(message));
    }
    let collection = app.home.collection(name)?;
    let images = images(&collection, &request.images)?;
    let encoder = app.encoder(collection.identity())?;
    let looked = app.picture_of(query, request.crop)?;
    let shown = query.to_string_lossy();
    let results = images
        .iter()
        .map(|image| {
            Ok(ExplainedImage {
                id: image.id,
                why: why(app, &encoder, (&shown, &looked), image)?,
            })
        })
        .collect::<Result<_, ApiError>>()?;
    Ok(Json(Explained {
        collection: name.to_owned(),
        model: collection.identity().model.clone(),
        results,
    }))
}

fn why(
    app: &App,
    encoder: &Encoder,
    (shown, looked): (&str, &Picture),
    image: &Image,
) -> Result<Why, ApiError> {
    let found = Picture::open(&app.file_of(image)?, &app.settings.uploads.image);
    let (places, problem) = match found {
        Ok(found) => (encoder.alike_places(looked, &found, PLACES), None),
        Err(error) => (Vec::new(), Some(error)),
    };
    Ok(Why {
        image: shown.to_owned(),
        places,
        exactly: problem.as_ref().and_then(|error| Problem::of(error)),
        problem: problem.map(|error| error.to_string()),
    })
}

fn images(collection: &Collection<'_>, ids: &[u64]) -> Result<Vec<Image>, ApiError> {
    ids.iter().map(|&id| Ok(collection.image(id)?)).collect()
}

async fn matrix(
    app: Arc<App>,
    InPath(name): InPath<String>,
    Query(ids): Query<Ids>,
) -> Result<Json<Matrix>, ApiError> {
    let ids = ids.numbers()?;
    app.heavy(move |app| {
        let collection = app.home.collection(&name)?;
        Ok(Json(Matrix {
            model: collection.identity().model.clone(),
            images: images(&collection, &ids)?,
            matrix: collection.similarities(&ids)?,
        }))
    })
    .await
}

async fn matrix_picture(
    app: Arc<App>,
    InPath(name): InPath<String>,
    Query(asked): Query<Ids>,
) -> Result<File, ApiError> {
    let ids = asked.numbers()?;
    app.heavy(move |app| {
        let collection = app.home.collection(&name)?;
        let images = images(&collection, &ids)?;
        let thumbnails = match images.len() {
            // More would be too small to see.
            0..=WITH_THUMBNAILS => images
                .iter()
                .map(|image| {
                    Ok(app
                        .picture_of(&app.file_of(image)?, None)?
                        .thumbnail(THUMBNAIL))
                })
                .collect::<Result<_, ApiError>>()?,
            _ => Vec::new(),
        };
        let labels: Vec<String> = images.iter().map(Image::shown_name).collect();
        let mut plot = MatrixPlot {
            title: name,
            labels_across: labels.clone(),
            labels_down: labels,
            values: collection.similarities(&ids)?.concat(),
            thumbnails_across: Vec::clone(&thumbnails),
            thumbnails_down: thumbnails,
            ..MatrixPlot::default()
        };
        if let Some(scale) = asked.scale {
            plot.scale_label = scale;
        }
        let bytes = plot.to_png();
        let bytes = bytes.map_err(|error| ApiError::internal(error.to_string()))?;
        Ok(File {
            bytes: bytes.into(),
            media_type: "image/png",
            forever: false,
            save_as: None,
        })
    })
    .await
}

impl Ids {
    fn numbers(&self) -> Result<Vec<u64>, ApiError> {
        let numbers = self.ids.split(',').map(|id| id.trim().parse());
        let numbers: Vec<u64> = numbers
            .collect::<Result<_, _>>()
            .map_err(|_| ApiError::bad("ids are numbers of images with commas between"))?;
        match numbers.len() {
            2..=COMPARED => Ok(numbers),
            _ => Err(ApiError::bad(format!(
                "from 2 to {COMPARED} images are compared with each other"
            ))),
        }
    }
}

impl App {
    /// A file's picture, or a rectangle of it as shares of its sides.
    pub(crate) fn picture_of(
        &self,
        path: &Path,
        crop: Option<[f64; 4]>,
    ) -> Result<Picture, ApiError> {
        let bad = |error: &dyn std::fmt::Display| ApiError::bad(error.to_string());
        let picture = Picture::open(path, &self.settings.uploads.image);
        let picture = picture.map_err(|error| bad(&error).because_of(&error))?;
        match crop {
            None => Ok(picture),
            Some(crop) => {
                let text = crop.map(|share| share.to_string()).join(",");
                let region: Region = text.parse().map_err(|error| bad(&error))?;
                region.crop(&picture).map_err(|error| bad(&error))
            }
        }
    }
}
