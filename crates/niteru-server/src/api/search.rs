//! Searching: the images of a collection that are most like others, or like a text.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use niteru_store::below::encoder::Encoder;
use niteru_store::below::index::{Condition, mean_direction, rocchio};
use niteru_store::{Collection, GroupBy, Image, Query, Role, SearchResult, Searched, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::uploads::{Looked, REQUEST_BYTES, REQUEST_TIME, look_at_files};
use crate::app::App;
use crate::error::ApiError;
use crate::problem::{Kind, Problem};
use crate::route::{Form, InPath, Json, JsonBody, Route, ask};

/// Most results, and most images of a group.
const MOST: usize = 1000;

/// Most images of the collection that are looked for and away from. Each is read, with its embedding.
const MOST_EXAMPLES: usize = 200;

/// Most conditions, `filter` and `not` together. Each has limits of its own.
const MOST_CONDITIONS: usize = 50;

pub(super) fn routes() -> Vec<Route> {
    vec![
        ask(
            "/api/collections/{name}/search",
            "The images most like images of the collection, or a text",
            Role::Viewer,
            search,
        ),
        ask(
            "/api/collections/{name}/search/upload",
            "The images most like uploaded ones; what else is asked for is the part `query`",
            Role::Viewer,
            search_uploaded,
        )
        .takes(REQUEST_BYTES, REQUEST_TIME),
    ]
}

/// What to look for.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
struct SearchRequest {
    /// Numbers of images of the collection: more like these. With `unlike` at most 200; one that comes twice counts once.
    #[schema(max_items = 200)]
    like: Vec<u64>,
    /// Less like these.
    #[schema(max_items = 200)]
    unlike: Vec<u64>,
    /// Words to look for, with a model that reads texts.
    text: Option<String>,
    /// How much the words count beside images, 0 to 1.
    text_weight: Option<f32>,
    /// A rectangle of the uploaded image, as shares of its sides: left, upper, width, height.
    crop: Option<[f64; 4]>,
    /// Conditions on metadata that all results meet. With `not` at most 50.
    #[schema(max_items = 50)]
    filter: Vec<String>,
    /// Conditions that no result meets.
    #[schema(max_items = 50)]
    not: Vec<String>,
    /// A field: the best image of each of its values.
    group_by: Option<String>,
    /// Most images of a group.
    per_group: Option<usize>,
    /// Most results.
    k: Option<usize>,
    /// Leave out everything less similar.
    min_similarity: Option<f32>,
}

impl SearchRequest {
    /// Leaves out what comes twice; refuses more than may be asked for.
    fn check(&mut self) -> Result<(), ApiError> {
        for ids in [&mut self.like, &mut self.unlike] {
            let mut known = HashSet::new();
            ids.retain(|id| known.insert(*id));
        }
        let too_many = |kind: Kind, most: usize, what: &str| {
            let problem = Problem::from(kind).with("most", most);
            Err(ApiError::bad(format!("a search takes at most {most} {what}")).because(problem))
        };
        if self.like.len() + self.unlike.len() > MOST_EXAMPLES {
            let what = "images in like and unlike together";
            return too_many(Kind::TooManyExamples, MOST_EXAMPLES, what);
        }
        if self.filter.len() + self.not.len() > MOST_CONDITIONS {
            let what = "conditions in filter and not together";
            return too_many(Kind::TooManyConditions, MOST_CONDITIONS, what);
        }
        Ok(())
    }
}

/// What was found.
#[derive(Serialize, ToSchema)]
#[schema(as = Searched)]
struct Found(#[schema(inline)] Searched<SearchResult>);

async fn search(
    app: Arc<App>,
    InPath(name): InPath<String>,
    JsonBody(mut request): JsonBody<SearchRequest>,
) -> Result<Json<Found>, ApiError> {
    request.check()?;
    if request.crop.is_some() {
        return Err(ApiError::bad("crop takes a rectangle of an uploaded image"));
    }
    app.heavy(move |app| find(app, &name, &request, &[]))
        .await
        .map(Json)
}

async fn search_uploaded(
    app: Arc<App>,
    InPath(name): InPath<String>,
    form: Form<SearchRequest>,
) -> Result<Json<Found>, ApiError> {
    let sent = look_at_files(&app, form).await?;
    if let Some(refused) = sent.refused.first() {
        let message = format!("{}: {}", refused.name, refused.reason);
        return Err(ApiError::bad(message).because(refused.problem.clone()));
    }
    let mut request = sent.query.unwrap_or_default();
    request.check()?;
    app.heavy(move |app| find(app, &name, &request, &sent.kept))
        .await
        .map(Json)
}

/// `uploads` are images that were sent.
fn find(
    app: &Arc<App>,
    name: &str,
    request: &SearchRequest,
    uploads: &[Looked],
) -> Result<Found, ApiError> {
    let collection = app.home.collection(name)?;
    let images = |ids: &[u64]| -> Result<Vec<Image>, ApiError> {
        ids.iter().map(|&id| Ok(collection.image(id)?)).collect()
    };
    let (like, unlike) = (images(&request.like)?, images(&request.unlike)?);
    let filter = filter(request, &like)?;
    let own = collection.identity();
    let query = match uploads.is_empty() && request.text.is_none() {
        true => None,
        false => Some(embed(app, &*app.encoder(own)?, request, uploads)?),
    };
    let embedding = match query {
        Some(query) if like.is_empty() && unlike.is_empty() => query,
        query => {
            let (good, bad) = (
                embeddings(&collection, &like)?,
                embeddings(&collection, &unlike)?,
            );
            let direction = rocchio(query.as_deref(), &good, &bad);
            direction.map_err(|error| ApiError::bad(error.to_string()).because_of(&error))?
        }
    };
    let query = Query {
        encoder: own.clone(),
        embedding,
        k: request.k.unwrap_or(20).min(MOST),
        min_similarity: request.min_similarity,
        exclude: like.iter().chain(&unlike).map(|image| image.id).collect(),
        filter,
    };
    let (results, ungrouped) = match &request.group_by {
        None => (collection.search(&query)?, None),
        Some(field) => {
            let by = GroupBy {
                field: field.clone(),
                per_group: request.per_group.unwrap_or(1).min(MOST),
            };
            let found = collection.search_groups(&query, &by)?;
            (found.results, Some(found.ungrouped))
        }
    };
    Ok(Found(Searched {
        collection: name.to_owned(),
        model: own.model.clone(),
        results,
        ungrouped,
    }))
}

/// All of `filter` and none of `not`. `@query` stands for what the examples have.
fn filter(request: &SearchRequest, like: &[Image]) -> Result<Option<Condition>, ApiError> {
    let own = |field: &str| -> Result<Vec<String>, String> {
        let mut values: Vec<String> = Vec::new();
        for value in like.iter().filter_map(|image| image.metadata.get(field)) {
            if !values.iter().any(|known| known == value) {
                values.push(value.to_owned());
            }
        }
        match values.is_empty() {
            true => Err(format!("no image to look for has a value for {field:?}")),
            false => Ok(values),
        }
    };
    let parse = |text: &String| {
        Condition::parse_for_query(text, &own)
            .map_err(|error| ApiError::from(StoreError::from(error)))
    };
    let mut all = Vec::new();
    for text in &request.filter {
        all.push(parse(text)?);
    }
    for text in &request.not {
        all.push(parse(text)?.negated());
    }
    Ok((!all.is_empty()).then_some(Condition::And(all)))
}

/// The direction of uploaded images and words together.
fn embed(
    app: &App,
    encoder: &Encoder,
    request: &SearchRequest,
    uploads: &[Looked],
) -> Result<Vec<f32>, ApiError> {
    let bad = |error: &dyn std::fmt::Display| ApiError::bad(error.to_string());
    let text = match &request.text {
        Some(text) => {
            let embedded = encoder.embed_texts(&[text.as_str()]);
            Some(
                embedded
                    .map_err(|error| bad(&error).because_of(&error))?
                    .remove(0),
            )
        }
        None => None,
    };
    if request.crop.is_some() && uploads.len() != 1 {
        return Err(ApiError::bad(
            "crop takes a rectangle of one uploaded image",
        ));
    }
    let mut images = Vec::with_capacity(uploads.len());
    for upload in uploads {
        images.push(embed_file(app, encoder, &upload.path, request.crop)?);
    }
    let image = match images.is_empty() {
        true => None,
        false => Some(mean_direction(&images).map_err(|error| bad(&error))?),
    };
    match (image, text) {
        (Some(image), Some(text)) => {
            let weight = request.text_weight.unwrap_or(0.5);
            if !(0.0..=1.0).contains(&weight) {
                return Err(ApiError::bad(format!(
                    "text_weight is from 0 to 1, not {weight}"
                )));
            }
            encoder
                .combine(&image, &text, weight)
                .map_err(|error| bad(&error))
        }
        (Some(direction), None) | (None, Some(direction)) => Ok(direction),
        (None, None) => Err(ApiError::bad("there is nothing to look for")
            .help("give an image, a text, or images of the collection")
            .because(Kind::NothingAsked)),
    }
}

fn embed_file(
    app: &App,
    encoder: &Encoder,
    path: &Path,
    crop: Option<[f64; 4]>,
) -> Result<Vec<f32>, ApiError> {
    let bad = |error: &dyn std::fmt::Display| ApiError::bad(error.to_string());
    if crop.is_some() {
        let part = app.picture_of(path, crop)?;
        let mut embedded = encoder.embed_images(std::slice::from_ref(&part));
        return embedded.remove(0).map_err(|error| bad(&error));
    }
    app.embed_file(encoder, path)
}

fn embeddings(collection: &Collection<'_>, images: &[Image]) -> Result<Vec<Vec<f32>>, ApiError> {
    images
        .iter()
        .map(|image| Ok(collection.embedding(image.id)?))
        .collect()
}

impl App {
    /// The embedding of a file, as adding it would make it.
    pub(crate) fn embed_file(&self, encoder: &Encoder, path: &Path) -> Result<Vec<f32>, ApiError> {
        use niteru_store::below::encoder::EmbedOptions;
        let options = EmbedOptions {
            limits: self.settings.uploads.image,
            threads: std::num::NonZeroUsize::new(1),
            ..EmbedOptions::default()
        };
        let mut embedding = None;
        encoder.embed_files(std::iter::once(path), &options, &mut |_, result| {
            embedding = Some(result);
            std::ops::ControlFlow::Break(())
        });
        match embedding {
            Some(Ok(embedded)) => Ok(embedded.embedding),
            Some(Err(error)) => {
                let message = niteru_store::below::encoder::with_causes(&error);
                Err(ApiError::bad(message).because_of(&error))
            }
            None => Err(ApiError::internal("a file was not embedded")),
        }
    }
}
