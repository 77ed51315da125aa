//! Images of a collection: their metadata, their pictures, adding and removing them.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{Method, StatusCode};
use niteru_store::below::imaging::{DecodeError, Limits, Picture};
use niteru_store::below::index::Condition;
use niteru_store::{Image, Role, StoreError, ThumbnailError, Upload, image_kind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::uploads::{REQUEST_BYTES, REQUEST_TIME, Refused, keep_files};
use crate::app::App;
use crate::assets::hex;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::jobs::{AddParameters, JobView};
use crate::problem::Kind;
use crate::route::{
    About, Accepted, File, Form, InPath, Json, JsonBody, Query, Route, ask, change, read,
};
use crate::watched::leads_out;

/// Most images of a page.
const MOST: usize = 1000;

/// Longest side of a picture that is made smaller, in pixels.
const MOST_SIDE: u32 = 4096;

/// Largest file that is sent as it is.
const MOST_BYTES: u64 = 64 << 20;

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/collections/{name}/images",
            "The images of a collection, a page at a time",
            Role::Viewer,
            list,
        ),
        change(
            (Method::POST, "images.add"),
            "/api/collections/{name}/images",
            "Upload images; a job embeds them",
            Role::Engineer,
            add,
        )
        .takes(REQUEST_BYTES, REQUEST_TIME),
        change(
            (Method::POST, "images.remove"),
            "/api/collections/{name}/images/remove",
            "Remove images from a collection",
            Role::Engineer,
            remove,
        ),
        ask(
            "/api/collections/{name}/images/of",
            "Images by their numbers, up to 1000; those that are gone are left out",
            Role::Viewer,
            of,
        ),
        read(
            "/api/collections/{name}/images/{id}",
            "An image's metadata",
            Role::Viewer,
            one,
        ),
        read(
            "/api/collections/{name}/images/{id}/thumbnail",
            "A small picture of an image: JPEG, at most 20 KB",
            Role::Viewer,
            thumbnail,
        ),
        read(
            "/api/collections/{name}/images/{id}/picture",
            "An image as browsers can show it",
            Role::Viewer,
            picture,
        ),
    ]
}

#[derive(Deserialize, IntoParams)]
struct Page {
    /// Only images after this one.
    after: Option<u64>,
    /// Most images, up to 1000.
    limit: Option<usize>,
    /// A condition on their metadata, such as `category = bolt and length >= 20`.
    filter: Option<String>,
    /// Only those whose file has vanished.
    #[serde(default)]
    missing: bool,
}

#[derive(Serialize, ToSchema)]
struct Images {
    images: Vec<Image>,
    /// What to ask for `after` to get the next page; `null`: this is the last one.
    next: Option<u64>,
}

#[derive(Deserialize, ToSchema)]
struct Named {
    /// Numbers of images.
    ids: Vec<u64>,
}

#[derive(Serialize, ToSchema)]
struct NamedImages {
    images: Vec<Image>,
}

#[derive(Serialize, ToSchema)]
struct RemovedImages {
    /// Numbers of the images that were asked for.
    removed: Vec<u64>,
}

/// What became of uploaded files.
#[derive(Serialize, ToSchema)]
struct Added {
    /// What embeds them; `null`: nothing was kept.
    job: Option<JobView>,
    uploads: Vec<Upload>,
    /// Files that cannot be used.
    refused: Vec<Refused>,
}

/// How images are to be added.
#[derive(Deserialize, ToSchema)]
struct AddQuery {
    /// Leave out images that the collection has already, or looks the same as.
    #[serde(default)]
    skip_duplicates: bool,
}

#[derive(Deserialize, IntoParams)]
struct Contents {
    /// The image's sha256, as its metadata has it: browsers then keep the picture for good.
    sha256: Option<String>,
}

#[derive(Deserialize, IntoParams)]
struct Side {
    /// Longer side in pixels that the picture is brought down to; left out: as it is.
    side: Option<u32>,
}

async fn list(
    app: Arc<App>,
    InPath(name): InPath<String>,
    Query(page): Query<Page>,
) -> Result<Json<Images>, ApiError> {
    let limit = page.limit.unwrap_or(100).clamp(1, MOST);
    let images = app
        .quick(move |app| {
            let collection = app.home.collection(&name)?;
            let filter = page.filter.filter(|filter| !filter.trim().is_empty());
            let condition = filter.as_deref().map(Condition::parse).transpose();
            let condition = condition.map_err(StoreError::from)?;
            let selection = condition.map(|condition| collection.select(&condition));
            let selection = selection.transpose()?;
            Ok(match (page.missing, &selection) {
                (true, selection) => {
                    collection.missing_images(selection.as_ref(), page.after, limit)?
                }
                (false, Some(selection)) => collection.images_in(selection, page.after, limit)?,
                (false, None) => collection.images(page.after, limit)?,
            })
        })
        .await?;
    let next = images
        .last()
        .filter(|_| images.len() == limit)
        .map(|last| last.id);
    Ok(Json(Images { images, next }))
}

async fn of(
    app: Arc<App>,
    InPath(name): InPath<String>,
    JsonBody(named): JsonBody<Named>,
) -> Result<Json<NamedImages>, ApiError> {
    let asked = named.ids.len();
    if asked > MOST {
        return Err(ApiError::bad(format!(
            "{asked} images are asked for, and at most {MOST} are given at a time"
        )));
    }
    let images = app
        .quick(move |app| {
            let collection = app.home.collection(&name)?;
            let mut images = Vec::with_capacity(named.ids.len());
            for id in named.ids {
                match collection.image(id) {
                    Err(StoreError::NoImage { .. }) => {}
                    image => images.push(image?),
                }
            }
            Ok(images)
        })
        .await?;
    Ok(Json(NamedImages { images }))
}

async fn one(
    app: Arc<App>,
    InPath((name, id)): InPath<(String, u64)>,
) -> Result<Json<Image>, ApiError> {
    let image = app
        .quick(move |app| Ok(app.home.collection(&name)?.image(id)?))
        .await?;
    Ok(Json(image))
}

async fn remove(
    app: Arc<App>,
    InPath(name): InPath<String>,
    about: About,
    JsonBody(named): JsonBody<Named>,
) -> Result<Json<RemovedImages>, ApiError> {
    about.say(format!("{name}: {} images", named.ids.len()));
    let removed = app
        .quick(move |app| {
            let collection = app.home.collection(&name)?;
            for &id in &named.ids {
                collection.image(id)?;
            }
            collection.remove(&named.ids)?;
            app.home.remove_unused_uploads()?;
            Ok(named.ids)
        })
        .await?;
    Ok(Json(RemovedImages { removed }))
}

async fn add(
    app: Arc<App>,
    caller: Caller,
    InPath(name): InPath<String>,
    about: About,
    form: Form<AddQuery>,
) -> Result<Accepted<Added>, ApiError> {
    let asked = name.clone();
    // Before files are taken for a collection that is not there.
    app.quick(move |app| Ok(app.home.collection(&asked).map(drop)?))
        .await?;
    let sent = keep_files(&app, &caller, form).await?;
    about.say(format!("{name}: {} files", sent.kept.len()));
    if sent.kept.is_empty() && sent.refused.is_empty() {
        return Err(ApiError::bad("there is no file in this request")
            .help("send files as parts named file")
            .because(Kind::NoFile));
    }
    let parameters = AddParameters {
        collection: name,
        uploads: sent
            .kept
            .iter()
            .map(|upload| upload.sha256.clone())
            .collect(),
        skip_duplicates: sent.query.is_some_and(|query| query.skip_duplicates),
    };
    let job = match sent.kept.is_empty() {
        true => None,
        false => Some(
            app.quick(move |app| app.queue("add", &json!(parameters), &caller.name))
                .await?,
        ),
    };
    Ok(Accepted(Added {
        job,
        uploads: sent.kept,
        refused: sent.refused,
    }))
}

async fn thumbnail(
    app: Arc<App>,
    InPath((name, id)): InPath<(String, u64)>,
    Query(Contents { sha256 }): Query<Contents>,
) -> Result<File, ApiError> {
    app.heavy(move |app| {
        let image = app.home.collection(&name)?.image(id)?;
        let file = app.file_of(&image)?;
        let bytes = app.home.thumbnail(&image.sha256, &file);
        let bytes = bytes.map_err(|error| match error {
            ThumbnailError::Changed { .. } => changed(&image),
            ThumbnailError::Picture(error) => unreadable(&error),
            other => ApiError::internal(other.to_string()),
        })?;
        Ok(File {
            // An address that names the contents leads to nothing else.
            forever: sha256.is_some_and(|sha256| sha256 == image.sha256),
            ..shown(bytes.into(), "image/jpeg")
        })
    })
    .await
}

async fn picture(
    app: Arc<App>,
    InPath((name, id)): InPath<(String, u64)>,
    Query(Side { side }): Query<Side>,
) -> Result<File, ApiError> {
    app.heavy(move |app| {
        let image = app.home.collection(&name)?.image(id)?;
        let file = app.file_of(&image)?;
        let limits = Limits {
            max_file_bytes: MOST_BYTES,
            ..Limits::default()
        };
        let bytes = Picture::read(&file, &limits).map_err(|error| unreadable(&error))?;
        // A file that others may write to can have become any other.
        let same = hex(&Sha256::digest(&bytes)) == image.sha256;
        let kind = image_kind(&bytes).filter(|_| same);
        let kind = kind.map(|(_, media_type)| media_type);
        match (side, kind) {
            (_, None) => Err(changed(&image)),
            (None, Some(kind)) if kind != "image/tiff" => Ok(shown(bytes.into(), kind)),
            (side, Some(_)) => {
                let side = side.unwrap_or(MOST_SIDE).clamp(1, MOST_SIDE);
                let picture = Picture::decode_at_least(&bytes, &limits, side);
                let picture = picture.map_err(|error| unreadable(&error))?.thumbnail(side);
                let bytes = picture.to_jpeg(90);
                let bytes = bytes.map_err(|error| ApiError::internal(error.to_string()))?;
                Ok(shown(bytes.into(), "image/jpeg"))
            }
        }
    })
    .await
}

/// An image's number always leads to the same contents, but a file that has changed is embedded anew under it.
fn shown(bytes: Bytes, media_type: &'static str) -> File {
    File {
        bytes,
        media_type,
        forever: false,
        save_as: None,
    }
}

fn changed(image: &Image) -> ApiError {
    let message = format!(
        "the file of image {} is another than the one that was added",
        image.id
    );
    ApiError::new(StatusCode::GONE, Kind::Changed, message).help("add its folder again")
}

fn unreadable(error: &DecodeError) -> ApiError {
    ApiError::new(
        StatusCode::GONE,
        Kind::Unreadable,
        format!(
            "the image file cannot be read: {}",
            niteru_store::below::encoder::with_causes(error.reason())
        ),
    )
    .help("bring the file back, or add its folder again")
}

impl App {
    /// Where an image's file is: at its path, else among the uploads.
    pub(crate) fn file_of(&self, image: &Image) -> Result<PathBuf, ApiError> {
        if leads_out(&self.home, &image.path) {
            return Err(changed(image));
        }
        match image.path.is_file() {
            true => Ok(image.path.clone()),
            false => Ok(self
                .home
                .upload(&image.sha256)?
                .unwrap_or_else(|| image.path.clone())),
        }
    }
}
