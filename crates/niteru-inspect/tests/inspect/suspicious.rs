//! Bad parts among the good ones that an inspector is to learn from.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Mutex;

use niteru_imaging::{Limits, Picture};
use niteru_inspect::{
    TrainError, TrainOptions, TrainStep, Trained, Verdict, WithSuspicious, train,
};

use crate::{encoder, some};

/// A torn tile: of the defects one of the plainest.
const TORN: &str = "magnetic-tile/fray/exp3_num_20409.jpg";

/// Good magnetic tiles, with other files of the reference data spread among them.
fn tiles(good: usize, others: &[&str]) -> Option<(Vec<PathBuf>, Vec<PathBuf>)> {
    let data = niteru_testkit::shared("data")?;
    let mut files = some(&data.join("magnetic-tile/good"), good);
    let hidden: Vec<PathBuf> = others.iter().map(|name| data.join(name)).collect();
    let apart = good / (others.len() + 1);
    for (at, hidden) in hidden.iter().enumerate() {
        files.insert((at + 1) * apart, hidden.clone());
    }
    Some((files, hidden))
}

/// Trains, and gives what was told on the way: `suspicious` with the number of pictures, `fold`, `last`.
fn learn(
    files: &[PathBuf],
    with: WithSuspicious,
) -> Option<(Result<Trained<'static>, TrainError>, Vec<String>)> {
    let told = Mutex::new(Vec::new());
    let options = TrainOptions {
        suspicious: with,
        ..TrainOptions::default()
    };
    let trained = train(encoder()?, files, &options, &|step| {
        let step = match step {
            TrainStep::Reading { .. } | TrainStep::Judging { .. } => {
                return ControlFlow::Continue(());
            }
            TrainStep::Suspicious(found) => format!("{} suspicious", found.len()),
            TrainStep::Learning { done, total } if done == total => "last".to_owned(),
            TrainStep::Learning { .. } => "fold".to_owned(),
        };
        told.lock().unwrap().push(step);
        ControlFlow::Continue(())
    });
    Some((trained, told.into_inner().unwrap()))
}

#[test]
fn a_defect_among_good_tiles_is_told_before_the_end() {
    let Some((files, hidden)) = tiles(24, &[TORN]) else {
        return;
    };
    let Some((trained, told)) = learn(&files, WithSuspicious::Keep) else {
        return;
    };
    let trained = trained.unwrap();
    let names: Vec<&PathBuf> = trained.suspicious.iter().map(|one| &one.path).collect();
    assert_eq!(names, [&hidden[0]], "{:?}", trained.suspicious);
    assert_eq!(trained.inspector.good().len(), 25);
    assert!(trained.left_out.is_empty());
    let folds = ["fold"; 5].map(str::to_owned);
    let expected = [&folds[..], &["1 suspicious".to_owned(), "last".to_owned()]].concat();
    assert_eq!(told, expected);
}

/// One photo among many must neither hide defects unsaid, nor make all other products its like.
#[test]
fn what_a_suspicious_photo_does_to_threshold_and_unlike_is_told_or_mended() {
    let Some(data) = niteru_testkit::shared("data") else {
        return;
    };
    let bolt = some(&data.join("parts/images/bolt"), 1).remove(0);
    let bolt = bolt.to_str().unwrap().to_owned();
    let Some((files, _)) = tiles(24, &[&bolt]) else {
        return;
    };
    let Some((trained, _)) = learn(&files, WithSuspicious::Keep) else {
        return;
    };
    let inspector = trained.unwrap().inspector;
    let [.., next, largest] = inspector.good_scores() else {
        panic!("no scores")
    };
    let promised = inspector.promise().threshold;
    assert_eq!(promised, *largest);
    assert_eq!(inspector.threshold_without(1, 0.01), Some(*next));
    assert_eq!(inspector.threshold_without(0, 0.01), None);
    // Half of the good ones may be stopped: it decides no more.
    let other = inspector.with_false_alarm(0.5).unwrap();
    assert_eq!(other.threshold_without(1, 0.5), None);
    for scene in some(&data.join("coco/images"), 4) {
        let scene = Picture::open(&scene, &Limits::default()).unwrap();
        let found = inspector.inspect(&scene).unwrap();
        assert_eq!(found.verdict, Verdict::Unlike, "{:?}", found.parts);
    }
}

#[test]
fn left_out_it_changes_nothing() {
    let Some((files, hidden)) = tiles(24, &[TORN]) else {
        return;
    };
    let Some((trained, told)) = learn(&files, WithSuspicious::LeaveOut) else {
        return;
    };
    let trained = trained.unwrap();
    assert_eq!(trained.left_out.len(), 1, "{:?}", trained.left_out);
    assert_eq!(trained.left_out[0].path, hidden[0]);
    assert!(trained.suspicious.is_empty(), "{:?}", trained.suspicious);
    let twice = told.iter().filter(|step| *step == "fold").count();
    assert_eq!(twice, 10, "{told:?}");

    let without: Vec<PathBuf> = files.into_iter().filter(|f| *f != hidden[0]).collect();
    let (clean, _) = learn(&without, WithSuspicious::Keep).unwrap();
    let bytes = |trained: &Trained<'_>| trained.inspector.to_bytes().unwrap();
    assert!(
        bytes(&clean.unwrap()) == bytes(&trained),
        "it is another inspector"
    );
}

#[test]
fn it_can_stop_the_training() {
    let Some((files, hidden)) = tiles(24, &[TORN]) else {
        return;
    };
    let Some((trained, told)) = learn(&files, WithSuspicious::Stop) else {
        return;
    };
    let Err(error) = trained else {
        panic!("trained with a defect among the good ones")
    };
    assert!(!told.contains(&"last".to_owned()), "{told:?}");
    let message = error.to_string();
    for part in [
        "1 of 25 good pictures",
        "take away what is bad",
        &*hidden[0].to_string_lossy(),
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_mix_is_not_sorted_by_leaving_out() {
    let parts = ["bolt", "nut"].map(|kind| format!("parts/images/{kind}"));
    let Some(data) = niteru_testkit::shared("data") else {
        return;
    };
    let part = |folder: &String| some(&data.join(folder), 1)[0].clone();
    let parts = parts.each_ref().map(part);
    let others = parts.each_ref().map(|part| part.to_str().unwrap());
    let Some((files, _)) = tiles(16, &others) else {
        return;
    };
    let Some((trained, _)) = learn(&files, WithSuspicious::LeaveOut) else {
        return;
    };
    match trained {
        Err(error @ TrainError::Mixed { .. }) => {
            assert!(error.to_string().contains("a mix"), "{error}");
        }
        Err(error) => panic!("{error}"),
        Ok(trained) => panic!("left out {:?}", trained.left_out),
    }
}

#[test]
fn nothing_is_suspicious_of_good_tiles() {
    let Some((files, _)) = tiles(24, &[]) else {
        return;
    };
    for with in [WithSuspicious::Stop, WithSuspicious::LeaveOut] {
        let Some((trained, told)) = learn(&files, with) else {
            return;
        };
        let trained = trained.unwrap();
        assert!(trained.suspicious.is_empty() && trained.left_out.is_empty());
        assert_eq!(told.len(), 6, "{told:?}");
    }
}
