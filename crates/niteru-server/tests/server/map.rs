//! Maps: drawn by a job, asked for as points, coloured.

use std::ops::ControlFlow;
use std::path::Path;

use niteru_store::{
    AddOptions, Candidate, EmbeddedFile, EncoderIdentity, EncoderSeconds, ImageEncoder, OnResult,
    Source,
};
use serde_json::{Value, json};

use crate::support::{Answer, Client, Place};

const PATH: &str = "/api/collections/things/map";

/// Directions from the lengths of files, so that nothing has to be embedded.
struct Lengths;

impl ImageEncoder for Lengths {
    fn identity(&self) -> EncoderIdentity {
        EncoderIdentity {
            model: "lengths".into(),
            fingerprint: format!("{:x<64}", 1),
            dimensions: 4,
            precision: "f32".into(),
            exact_decode: true,
            framing: "centre".into(),
        }
    }

    fn embed_files(
        &self,
        files: &mut (dyn Iterator<Item = Candidate> + Send),
        on_result: &mut OnResult<'_>,
    ) -> Result<EncoderSeconds, Source> {
        for file in files {
            let bytes = std::fs::metadata::<&Path>(file.as_ref())?.len();
            let angle = bytes as f32;
            let embedded = EmbeddedFile {
                embedding: vec![angle.cos(), angle.sin(), 0.0, 0.0],
                sha256: [bytes as u8; 32],
                bytes,
                width: 4,
                height: 3,
                likeness: None,
            };
            if on_result(file, Ok(embedded)) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(EncoderSeconds::default())
    }
}

/// Adds images of such lengths to the collection `things`, beside the server.
fn add(place: &Place, lengths: std::ops::Range<usize>) {
    let folder = place.folder.path().join("pictures");
    std::fs::create_dir_all(&folder).unwrap();
    for length in lengths {
        std::fs::write(folder.join(format!("{length:03}.png")), vec![0; length + 1]).unwrap();
    }
    let home = place.home();
    home.add("things", &[folder], &Lengths, AddOptions::default())
        .unwrap();
}

async fn draw(place: &Place, here: &Client) {
    let begun = place.post(here, PATH, json!({})).await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    let job = place
        .over_with(here, begun.json()["id"].as_u64().unwrap())
        .await;
    assert_eq!(job["state"], "done", "{job}");
}

fn number(answer: &Answer, at: usize) -> u32 {
    u32::from_le_bytes(answer.body[at..at + 4].try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_is_drawn_and_asked_for_once() {
    let place = Place::local();
    let here = place.here().await;
    assert_eq!(place.get(&here, PATH).await.status, 404);
    assert_eq!(place.post(&here, PATH, json!({})).await.status, 404);
    add(&place, 0..40);
    let before = place.get(&here, PATH).await.json();
    assert_eq!(
        (&before["images"], &before["drawn"], &before["job"]),
        (&json!(40), &Value::Null, &Value::Null)
    );
    let none = place.get(&here, &format!("{PATH}/points")).await;
    assert_eq!((none.status.as_u16(), number(&none, 8)), (200, 0));

    draw(&place, &here).await;
    let points = place.get(&here, &format!("{PATH}/points")).await;
    assert_eq!(&points.body[..4], b"NMAP");
    assert_eq!([4, 8, 12].map(|at| number(&points, at)), [1, 40, 40]);
    assert_eq!(points.body.len(), 16 + 40 * 12);
    let tag = points.header("etag");
    let state = place.get(&here, PATH).await.json();
    assert_eq!(tag, format!("\"{}\"", state["version"].as_str().unwrap()));

    let asked = |tag: &str| {
        let request = here.request(&place.host(), "GET", &format!("{PATH}/points"));
        request
            .header("if-none-match", tag)
            .body("".into())
            .unwrap()
    };
    let again = place.send(asked(&format!("\"other\", W/{tag}"))).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    assert_eq!(again.header("etag"), tag);

    add(&place, 40..43);
    let state = place.get(&here, PATH).await.json();
    assert_eq!((&state["new"], &state["gone"]), (&json!(3), &json!(0)));
    let more = place.send(asked(tag)).await;
    assert_eq!(more.status, 200);
    assert_eq!([8, 12].map(|at| number(&more, at)), [43, 40]);
    let storage = place.get(&here, "/api/storage").await.json();
    assert!(storage["maps"].as_u64().unwrap() > 40 * 12, "{storage}");
    let log = place.get(&here, "/api/audit").await.text();
    assert!(log.contains("map.draw"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn points_have_colours_and_images_come_by_their_numbers() {
    let place = Place::local();
    let here = place.here().await;
    add(&place, 0..12);
    draw(&place, &here).await;
    let images = place
        .get(&here, "/api/collections/things/images")
        .await
        .json();
    let ids: Vec<u64> = images["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| image["id"].as_u64().unwrap())
        .collect();
    let label = json!({ "ids": &ids[..5], "metadata": { "kind": "round" } });
    place
        .post(&here, "/api/collections/things/metadata", label)
        .await;
    let colours = place
        .get(&here, &format!("{PATH}/colours?field=kind"))
        .await
        .json();
    assert_eq!(
        (
            &colours["colours"][0]["value"],
            &colours["colours"][0]["images"],
            &colours["none"]
        ),
        (&json!("round"), &json!(5), &json!(7))
    );
    assert_eq!(colours["points"].as_array().unwrap().len(), 12);
    assert_eq!(
        place
            .get(&here, &format!("{PATH}/colours?field=x"))
            .await
            .status,
        400
    );
    assert_eq!(
        place.get(&here, &format!("{PATH}/colours")).await.status,
        400
    );

    let of = "/api/collections/things/images/of";
    let named = place
        .post(&here, of, json!({ "ids": [ids[3], 999_999, ids[0]] }))
        .await
        .json();
    let found: Vec<u64> = named["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| image["id"].as_u64().unwrap())
        .collect();
    assert_eq!(found, [ids[3], ids[0]]);
    let many: Vec<u64> = (0..1001).collect();
    assert_eq!(
        place.post(&here, of, json!({ "ids": many })).await.status,
        400
    );
}

/// The job writes its result when it is done, so one that was interrupted begins again.
#[tokio::test(flavor = "multi_thread")]
async fn drawing_is_taken_up_again_and_asked_for_twice_is_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let home = niteru_store::Home::open(folder.path().join("home")).unwrap();
    let parameters = json!({ "collection": "things", "seed": 0 });
    home.add_collection("things", &Lengths.identity()).unwrap();
    let id = home.add_job("map", &parameters, "test").unwrap().id;
    home.start_next_job(&["map"]).unwrap().unwrap();
    drop(home);
    let place = Place::over(folder, crate::support::options(false));
    let here = place.here().await;
    assert_eq!(place.over_with(&here, id).await["state"], "done");

    // Added beside the server, it waits until the server looks again.
    let home = place.home();
    let waiting = home.add_job("map", &parameters, "test").unwrap().id;
    let again = place.post(&here, PATH, json!({})).await.json();
    assert_eq!(again["id"], waiting, "{again}");
}
