//! Whether defects of one kind come together:
//! `cargo run --release -p niteru-store --example defect_groups -- MODELS MANIFEST`.
//!
//! MODELS is a home's folder of models with efficientnet-lite0. MANIFEST is a CSV file with the columns
//! path, label and mask, whose paths start in the folder above its own; good images have no mask. A
//! defect's vector is the mean feature where at least half as much is masked as where most is. Printed for
//! some depths and similarities: the number of groups and of those with at least 3 images, the share of
//! images that are of their group's most frequent label (purity), and the adjusted Rand index (Hubert and
//! Arabie, 1985: 1 for groups that are the labels, 0 for chance).

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use niteru_encoder::{Encoder, Framing, LoadOptions, ModelCache};
use niteru_imaging::{Limits, Picture};
use niteru_kernels::Kernels;
use niteru_store::{Home, NewInspection, NewInspector, Trace, TraceQuery, Verdict};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const MODEL: &str = "efficientnet-lite0";
const DEPTHS: [usize; 3] = [6, 10, 14];
const SIMILARITIES: [f32; 7] = [0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7];

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [models, manifest] = &words[..] else {
        return Err("use: defect_groups MODELS MANIFEST".into());
    };
    let files = ModelCache::new(models).open(MODEL)?;
    // All of a picture: defects are at edges, too.
    let options = LoadOptions {
        framing: Framing::Fit,
        ..LoadOptions::new(Kernels::detect())
    };
    let encoder = Encoder::load(&files, &options)?;
    let manifest = Path::new(manifest);
    let folder = manifest.ancestors().nth(2).ok_or("no folder above it")?;
    println!("depth similarity groups of-3 purity   rand");
    for depth in DEPTHS {
        let mut defects = Vec::new();
        for record in csv::Reader::from_path(manifest)?.into_deserialize() {
            let (path, label, mask): (String, String, String) = record?;
            if !mask.is_empty() {
                let vector = defect(&encoder, depth, &folder.join(path), &folder.join(mask))?;
                defects.push((label, vector));
            }
        }
        let place = tempfile::tempdir()?;
        let home = recorded(place.path(), &defects)?;
        for similarity in SIMILARITIES {
            let mut query = TraceQuery::new(MODEL);
            (query.similarity, query.most_groups) = (similarity, usize::MAX);
            let trace = home.trace(&query)?;
            let large = trace.groups.iter().filter(|group| group.count >= 3);
            let (groups, large) = (trace.groups.len(), large.count());
            let (purity, rand) = quality(&trace, &defects);
            println!("{depth:5} {similarity:10.2} {groups:6} {large:4} {purity:6.3} {rand:6.3}");
        }
    }
    Ok(())
}

/// The unit vector of what is masked.
fn defect(encoder: &Encoder, depth: usize, path: &Path, mask: &Path) -> Outcome<Vec<f32>> {
    let read = |path| Picture::open(path, &Limits::default());
    let map = encoder
        .feature_maps(&encoder.preprocess().apply(&read(path)?), &[depth])
        .remove(0);
    let mask = encoder.preprocess().apply(&read(mask)?);
    let mut masked = vec![0.0; map.rows * map.columns];
    for (at, pixel) in mask.data().chunks(3).enumerate() {
        let (x, y) = (at % mask.width(), at / mask.width());
        let (row, column) = (y * map.rows / mask.height(), x * map.columns / mask.width());
        masked[row * map.columns + column] += f32::from(u8::from(pixel[0] > 0.0));
    }
    let most = masked.iter().copied().fold(0.0, f32::max);
    let mut vector = vec![0.0; map.dimensions];
    for (feature, masked) in map.data.chunks(map.dimensions).zip(masked) {
        if masked >= 0.5 * most {
            vector
                .iter_mut()
                .zip(feature)
                .for_each(|(sum, x)| *sum += x);
        }
    }
    encoder
        .kernels()
        .normalize(&mut vector)
        .ok_or("features without a direction")?;
    Ok(vector)
}

fn recorded(folder: &Path, defects: &[(String, Vec<f32>)]) -> Outcome<Home> {
    let home = Home::open(folder)?;
    let new = NewInspector {
        model: MODEL,
        fingerprint: "",
        settings: &Value::Null,
        summary: &Value::Null,
        bytes: b"",
    };
    let inspector = home.save_inspector(MODEL, &new)?;
    let inspections = defects
        .iter()
        .enumerate()
        .map(|(i, (_, vector))| NewInspection {
            path: i.to_string().into(),
            sha256: Sha256::digest(i.to_string()).into(),
            time: None,
            operator: None,
            score: 1.0,
            threshold: 0.0,
            p_value: 0.0,
            verdict: Verdict::Ng,
            regions: json!([]),
            defect: Some(vector.clone()),
            kernels: String::new(),
            metadata: Default::default(),
        });
    home.record_inspections(inspector.id, &inspections.collect::<Vec<_>>())?;
    Ok(home)
}

/// Purity and adjusted Rand index. Inspections are numbered from 1, in the order of the defects.
fn quality(trace: &Trace, defects: &[(String, Vec<f32>)]) -> (f64, f64) {
    let pairs = |count: u64| (count * count.saturating_sub(1)) as f64 / 2.0;
    let count = |ids: &mut dyn Iterator<Item = usize>| {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        ids.for_each(|id| *counts.entry(&defects[id].0).or_insert(0) += 1);
        counts
    };
    let (mut most, mut together, mut grouped) = (0, 0.0, 0.0);
    for group in &trace.groups {
        let counts = count(&mut group.inspections.iter().map(|id| *id as usize - 1));
        most += counts.values().max().copied().unwrap_or(0);
        together += counts.values().map(|&count| pairs(count)).sum::<f64>();
        grouped += pairs(group.count);
    }
    let labels = count(&mut (0..defects.len()));
    let labelled: f64 = labels.values().map(|&count| pairs(count)).sum();
    let expected = grouped * labelled / pairs(defects.len() as u64);
    let rand = (together - expected) / (f64::midpoint(grouped, labelled) - expected);
    (most as f64 / defects.len() as f64, rand)
}
