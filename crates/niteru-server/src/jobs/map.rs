//! Drawing the map of a collection. It is written when it is done, so it can be begun again.

use std::sync::Arc;

use niteru_store::MapOptions;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::handle::{Handle, JobError};
use crate::app::App;

pub(crate) const KIND: &str = "map";

/// Which map.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MapParameters {
    pub(crate) collection: String,
    #[serde(default)]
    pub(crate) seed: u64,
}

pub(super) fn run(
    app: &Arc<App>,
    handle: &Handle<'_>,
    parameters: Value,
) -> Result<Value, JobError> {
    let parameters: MapParameters = serde_json::from_value(parameters)?;
    let collection = app.home.collection(&parameters.collection)?;
    let progress = |stage: niteru_store::MapStage, done: usize, total: usize| {
        // Drawing looks itself whether it is to stop.
        let _ = handle.progress_of(stage.name(), done as u64, Some(total as u64));
    };
    let mut options = MapOptions::default();
    options.seed = parameters.seed;
    options.cancel = Some(handle.cancel());
    options.progress = Some(&progress);
    let report = collection.draw_map(options)?;
    match report.cancelled {
        true => Err(JobError::Stopped),
        false => Ok(json!(report)),
    }
}
