//! Metadata of images, their duplicates, and how they are alike, with a real model.

use serde_json::{Value, json};

use crate::support::{Client, Place, form, options, plate};
use crate::whole::give_model;

const PATH: &str = "/api/collections/plates";

/// A collection of four plates, two of them almost the same; `None` without a model.
async fn plates() -> Option<(Place, Client, Vec<u64>)> {
    let folder = tempfile::tempdir().unwrap();
    if !give_model(folder.path()) {
        return None;
    }
    let place = Place::over(folder, options(false));
    let here = place.here().await;
    let made = place
        .post(&here, "/api/collections", json!({ "name": "plates" }))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let files = [
        ("one.png", 1, false),
        ("two.png", 30, false),
        ("spot.png", 30, true),
        ("four.png", 77, true),
    ];
    let files = files.map(|(name, number, spot)| (name, plate(number, spot)));
    let added = place
        .upload(&here, &format!("{PATH}/images"), &files, None)
        .await;
    let job = added.json()["job"]["id"].as_u64().unwrap();
    assert_eq!(place.over_with(&here, job).await["state"], "done");
    let images = place.get(&here, &format!("{PATH}/images")).await.json();
    let images = images["images"].as_array().unwrap();
    let mut names: Vec<(&str, u64)> = images
        .iter()
        .map(|image| {
            (
                image["uploaded_as"].as_str().unwrap(),
                image["id"].as_u64().unwrap(),
            )
        })
        .collect();
    names.sort_by_key(|(name, _)| files.iter().position(|(other, _)| other == name));
    let ids = names.iter().map(|(_, id)| *id).collect();
    Some((place, here, ids))
}

async fn post_csv(place: &Place, here: &Client, path: &str, csv: &str) -> (u16, Value) {
    let (kind, body) = form(&[("list.csv", csv.as_bytes().to_vec())], None);
    let request = here.request(&place.host(), "POST", &format!("{PATH}/metadata/{path}"));
    let request = request
        .header("content-type", kind)
        .body(body.into())
        .unwrap();
    let answer = place.send(request).await;
    (answer.status.as_u16(), answer.json())
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_is_changed_and_told() {
    let Some((place, here, ids)) = plates().await else {
        return;
    };
    let edit = json!({ "ids": [ids[0], ids[1]], "metadata": { "part": "A-1", "length": "20" } });
    let edited = place.post(&here, &format!("{PATH}/metadata"), edit).await;
    assert_eq!(edited.json(), json!({ "changed": 2 }));

    let csv = "path,part\nfolder\\spot.png,B-2\nnothing.png,C\n";
    let (status, preview) = post_csv(&place, &here, "preview", csv).await;
    assert_eq!(status, 200, "{preview}");
    assert_eq!(
        (&preview["matched"], &preview["changed"], &preview["wrong"]),
        (&json!(1), &json!(0), &json!(1))
    );
    assert_eq!(preview["first"][0]["image"], ids[2]);
    let (status, taken) = post_csv(&place, &here, "import", csv).await;
    assert_eq!((status, &taken["changed"]), (200, &json!(1)), "{taken}");
    let (status, wrong) = post_csv(&place, &here, "preview", "part\nA\n").await;
    assert_eq!(
        (status, &wrong["error"]["code"]),
        (400, &json!("bad_request")),
        "{wrong}"
    );

    let fields = place.get(&here, &format!("{PATH}/fields")).await.json();
    let told = |field: &Value| {
        (
            field["name"].clone(),
            field["images"].clone(),
            field["values"].clone(),
        )
    };
    let fields = fields["fields"].as_array().unwrap();
    let part = fields.iter().find(|field| field["name"] == "part").unwrap();
    let counts = json!([{ "value": "A-1", "images": 2 }, { "value": "B-2", "images": 1 }]);
    assert_eq!(told(part), (json!("part"), json!(3), counts));
    // What the page makes of a chip.
    let search = json!({ "like": [ids[0]], "filter": ["'part' in ('B-2')"] });
    let found = place
        .post(&here, &format!("{PATH}/search"), search)
        .await
        .json();
    assert_eq!(found["results"][0]["id"], ids[2]);
    assert_eq!(found["results"][0]["uploaded_as"], "spot.png");

    let log = place.get(&here, "/api/audit").await.text();
    assert!(
        log.contains("metadata.change") && log.contains("metadata.import"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_told_how_images_are_alike() {
    let Some((place, here, ids)) = plates().await else {
        return;
    };
    let get = |path: String| {
        let (place, here) = (&place, &here);
        async move { place.get(here, &format!("{PATH}/{path}")).await }
    };
    let twice = get("duplicates?threshold=0.5".into()).await.json();
    assert_eq!(
        (&twice["images"], &twice["collection"]),
        (&json!(4), &json!("plates")),
        "{twice}"
    );
    assert!(twice["groups"].is_array(), "{twice}");
    assert_eq!(get("duplicates?threshold=7".into()).await.status, 400);

    let asked = format!("ids={},{}", ids[1], ids[2]);
    let matrix = get(format!("matrix?{asked}")).await.json();
    assert_eq!(
        (&matrix["matrix"][0][0], &matrix["matrix"][0][1]),
        (&json!(1.0), &matrix["matrix"][1][0]),
        "{matrix}"
    );
    let picture = get(format!("matrix/picture?{asked}&scale=similarity")).await;
    assert_eq!(
        (picture.status.as_u16(), picture.header("content-type")),
        (200, "image/png")
    );
    assert!(picture.body.starts_with(b"\x89PNG"));
    let table = [
        ("ids=1", 400),
        ("ids=1,x", 400),
        ("ids=999,998", 404),
        ("", 400),
    ];
    for (wrong, status) in table {
        assert_eq!(
            get(format!("matrix?{wrong}")).await.status,
            status,
            "{wrong}"
        );
    }

    let asked = json!({ "query": ids[2], "images": [ids[3]] });
    let of_images = place
        .post(&here, &format!("{PATH}/explain"), asked)
        .await
        .json();
    let file = [("spot.png", plate(30, true))];
    let query = json!({ "images": [ids[3]], "crop": [0.0, 0.0, 1.0, 1.0] });
    let of_file = place
        .upload(&here, &format!("{PATH}/explain/upload"), &file, Some(query))
        .await
        .json();
    for answer in [&of_images, &of_file] {
        assert_eq!(answer["results"][0]["id"], ids[3], "{answer}");
        assert!(answer["results"][0]["why"]["places"].is_array(), "{answer}");
    }
    assert_eq!(
        of_images["results"][0]["why"]["places"],
        of_file["results"][0]["why"]["places"]
    );
    let many: Vec<u64> = vec![ids[0]; 21];
    let wrong = [
        json!({ "images": [ids[0]] }),
        json!({ "query": ids[0], "images": many }),
        json!({ "query": 1, "crop": [0, 0, 1, 1] }),
    ];
    for wrong in wrong {
        let answer = place
            .post(&here, &format!("{PATH}/explain"), wrong.clone())
            .await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
    }
}
