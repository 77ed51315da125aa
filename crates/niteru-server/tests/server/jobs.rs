//! Jobs: stopped, interrupted, taken up again.

use niteru_store::JobState;
use serde_json::{Value, json};

use crate::support::{Place, options, plate};

#[tokio::test]
async fn a_job_that_waits_is_cancelled() {
    let place = Place::local();
    let here = place.here().await;
    // No thread takes a kind that it does not know.
    let id = place
        .home()
        .add_job("unknown", &json!({}), "test")
        .unwrap()
        .id;
    let path = format!("/api/jobs/{id}/cancel");
    let answer = place.post(&here, &path, json!({})).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["state"]),
        (200, &json!("cancelled"))
    );
    let again = place.post(&here, &path, json!({})).await;
    assert_eq!(again.status, 409, "{}", again.text());
    let list = place.get(&here, "/api/jobs").await.json();
    assert_eq!(list["jobs"][0]["state"], "cancelled");
    assert_eq!(list["jobs"][0]["seconds_left"], Value::Null);
}

#[tokio::test]
async fn jobs_of_a_server_that_ended_are_interrupted_or_taken_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let home = niteru_store::Home::open(folder.path().join("home")).unwrap();
    let add = json!({ "collection": "nothing", "uploads": [] });
    let (train, add) = (
        home.add_job("train", &json!({ "good": {} }), "test")
            .unwrap()
            .id,
        home.add_job("add", &add, "test").unwrap().id,
    );
    for kind in ["train", "add"] {
        assert_eq!(
            home.start_next_job(&[kind]).unwrap().unwrap().state,
            JobState::Running
        );
    }
    drop(home);
    // As after a power cut: both still count as running.
    let place = Place::over(folder, options(false));
    let here = place.here().await;
    let train = place.over_with(&here, train).await;
    assert_eq!(train["state"], "interrupted");
    assert!(
        train["message"].as_str().unwrap().contains("server ended"),
        "{train}"
    );
    // It was begun again, and found that its collection is gone.
    let add = place.over_with(&here, add).await;
    assert_eq!(add["state"], "failed", "{add}");
    assert!(
        add["message"].as_str().unwrap().contains("no collection"),
        "{add}"
    );
}

#[test]
fn a_home_has_one_server() {
    let place = Place::local();
    let error = niteru_server::Server::bind(place.home(), options(false))
        .err()
        .unwrap();
    assert!(error.to_string().contains("another server uses"), "{error}");
    let Place { server, folder } = place;
    drop(server);
    Place::over(folder, options(false));
}

/// Stopping the server in the middle of a training, and cancelling one.
#[tokio::test(flavor = "multi_thread")]
async fn a_training_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    if !crate::whole::give_model(folder.path()) {
        return;
    }
    let place = Place::over(folder, options(false));
    let here = place.here().await;
    let uploads = upload_plates(&place, 200);
    let body = json!({ "good": { "uploads": uploads } });
    let begin = async |place: &Place| {
        let job = place
            .post(&here, "/api/inspectors/plates/train", body.clone())
            .await;
        assert_eq!(job.status, 202, "{}", job.text());
        let id = job.json()["id"].as_u64().unwrap();
        loop {
            let job = place.get(&here, &format!("/api/jobs/{id}")).await.json();
            match job["state"].as_str().unwrap() {
                "queued" => {}
                "running" if job["done"].as_u64() > Some(0) => return id,
                "running" => {}
                state => panic!("{state}: {job}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let id = begin(&place).await;
    let cancelled = place
        .post(&here, &format!("/api/jobs/{id}/cancel"), json!({}))
        .await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.text());
    assert_eq!(place.over_with(&here, id).await["state"], "cancelled");

    let id = begin(&place).await;
    let Place { server, folder } = place;
    let stopper = server.stopper();
    stopper.stop();
    tokio::task::spawn_blocking(move || server.run().unwrap())
        .await
        .unwrap();
    let home = niteru_store::Home::open(folder.path().join("home")).unwrap();
    assert_eq!(home.job(id).unwrap().state, JobState::Interrupted);
    assert!(home.inspectors().unwrap().is_empty());
}

/// Keeps plates, and gives their sha256.
fn upload_plates(place: &Place, count: u32) -> Vec<String> {
    let home = place.home();
    let limits = niteru_store::UploadLimits {
        image: Default::default(),
        quota: u64::MAX,
    };
    let keep = |number| {
        let bytes = plate(number, false);
        let new = niteru_store::NewUpload {
            bytes: &bytes,
            name: "plate.png",
            owner: "test",
        };
        home.keep_upload(&new, &limits).unwrap().sha256
    };
    (0..count).map(keep).collect()
}
