//! Folders that may be watched, and the watches that run. Requests name a folder of the list; no path comes from them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use niteru_store::{Drift, Home, PhotoReach, ToldInspection, Verdict};
use parking_lot::Mutex;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;

/// Name of the home's own folder, and what the names of those in it begin with.
const OWN: &str = "watched";

/// Files that cannot be used and that are named, the last ones.
const NAMED: usize = 5;

/// Decisions that are told, the last ones.
const RECENT: usize = 50;

/// A folder that may be watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct OfferedFolder {
    /// What requests call it.
    pub(crate) name: String,
    /// Where it is on the server.
    pub(crate) path: String,
}

/// The folders that may be watched: the home's own, the folders in that, and those that were given when the server
/// started. Whether these can be reached is not looked at: a network share may not answer.
pub(crate) fn offered(home: &Home, given: &[PathBuf]) -> Vec<OfferedFolder> {
    let own = home.watched();
    // Where the home may not be written there is none, and nothing in it.
    let _ = std::fs::create_dir(&own);
    let mut folders: Vec<(String, PathBuf)> = inside(&own)
        .into_iter()
        .map(|name| (format!("{OWN}/{name}"), own.join(&name)))
        .collect();
    folders.insert(0, (OWN.to_owned(), own));
    for path in given {
        let name = name_of(path, given);
        folders.push((name, path.clone()));
    }
    let shown = |(name, path): (String, PathBuf)| {
        let path = path.to_str()?.to_owned();
        Some(OfferedFolder { name, path })
    };
    folders.into_iter().filter_map(shown).collect()
}

/// A folder that was offered before, by its path, if it may still be watched. One in the home need not be there now:
/// it is waited for.
pub(crate) fn known(home: &Home, given: &[PathBuf], path: &str) -> Option<OfferedFolder> {
    let mut offered = offered(home, given).into_iter();
    offered.find(|folder| folder.path == path).or_else(|| {
        let path = Path::new(path);
        let name = path.file_name()?.to_str()?;
        let away = is_inside(home, path) && !name.starts_with('.');
        away.then(|| OfferedFolder {
            name: format!("{OWN}/{name}"),
            path: path.to_string_lossy().into_owned(),
        })
    })
}

/// Whether a path is one of a folder in the home's own, into which others than the administrator may write.
pub(crate) fn is_inside(home: &Home, path: &Path) -> bool {
    path.parent() == Some(&home.watched()) && path.file_name().is_some()
}

/// Whether a path below the home's own folder leads out of it: others than the administrator may write there, and links
/// that they make lead nowhere.
pub(crate) fn leads_out(home: &Home, path: &Path) -> bool {
    let own = home.watched();
    if !path.starts_with(&own) {
        return false;
    }
    match (path.canonicalize(), own.canonicalize()) {
        (Ok(path), Ok(own)) => !path.starts_with(own),
        // What is not there leads nowhere.
        _ => false,
    }
}

/// Which photos of a folder are judged when it is watched: of the home's own those directly in it, as each folder in it
/// is offered by itself; of another also those in the folders in it, but for those that are offered by themselves.
pub(crate) struct Reach {
    depth: usize,
    apart: Vec<PathBuf>,
}

impl Reach {
    pub(crate) fn of(home: &Home, given: &[PathBuf], folder: &OfferedFolder) -> Reach {
        let path = Path::new(&folder.path);
        let others = offered(home, given)
            .into_iter()
            .map(|other| PathBuf::from(other.path));
        Reach {
            depth: if path == home.watched() {
                0
            } else {
                PhotoReach::DEEP.depth
            },
            apart: others
                .filter(|other| other != path && other.starts_with(path))
                .collect(),
        }
    }

    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    pub(crate) fn apart(&self) -> Vec<PathBuf> {
        self.apart.clone()
    }

    /// What is reached now of what was reached before.
    pub(crate) fn within(mut self, depth: usize, apart: Vec<PathBuf>) -> Reach {
        self.depth = self.depth.min(depth);
        self.apart.extend(apart);
        self.apart.sort();
        self.apart.dedup();
        self
    }

    pub(crate) fn of_photos(&self) -> PhotoReach<'_> {
        PhotoReach {
            depth: self.depth,
            apart: &self.apart,
        }
    }
}

/// The names of the folders in a folder. Links are none.
fn inside(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// The end of a folder's path, as much as tells it from the others.
fn name_of(path: &Path, all: &[PathBuf]) -> String {
    let end = |path: &Path, parts: usize| -> String {
        let parts_of = path.iter().map(|part| part.to_string_lossy());
        let all: Vec<_> = parts_of.filter(|part| part != "/").collect();
        all[all.len().saturating_sub(parts)..].join("/")
    };
    let most = path.iter().count();
    let taken = |name: &str, parts: usize| {
        let own = name == OWN || name.starts_with(&format!("{OWN}/"));
        let others = all.iter().filter(|other| *other != path);
        own || name.is_empty() || others.into_iter().any(|other| end(other, parts) == name)
    };
    (1..=most)
        .map(|parts| (end(path, parts), parts))
        .find(|(name, parts)| !taken(name, *parts))
        .map_or_else(|| path.to_string_lossy().into_owned(), |(name, _)| name)
}

/// A file that cannot be used.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SkippedPhoto {
    pub(crate) name: String,
    /// What is wrong with it.
    pub(crate) reason: String,
    #[serde(flatten)]
    pub(crate) exactly: Option<Problem>,
}

/// A decision on a photo that came.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RecentVerdict {
    /// Number of the inspection.
    pub(crate) id: u64,
    pub(crate) verdict: Verdict,
}

/// A watch that runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RunningWatch {
    /// The job that does it; cancel that to end the watch.
    pub(crate) job: u64,
    pub(crate) inspector: String,
    /// Name of the folder.
    pub(crate) folder: String,
    /// Who started it.
    pub(crate) by: String,
    /// When. RFC 3339.
    #[schema(format = DateTime)]
    pub(crate) since: String,
    /// Photos judged since then, or since the server started.
    pub(crate) judged: u64,
    /// Files that could not be used, since then.
    pub(crate) skipped: u64,
    /// The last of these.
    pub(crate) last_skipped: Vec<SkippedPhoto>,
    /// Why the folder cannot be reached; null: it can.
    pub(crate) unreachable: Option<String>,
    /// The same, by its kind.
    pub(crate) unreachable_exactly: Option<Problem>,
    /// How the last photos differ from the good ones as a whole; null: they do not, or too few say so.
    pub(crate) drift: Option<Drift>,
    /// The inspection of the last photo.
    pub(crate) last: Option<u64>,
    /// What was found on it; null where the server has started since.
    pub(crate) found: Option<ToldInspection>,
    /// The last decisions, the newest first: photos may come faster than anybody looks.
    pub(crate) recent: Vec<RecentVerdict>,
}

impl RunningWatch {
    pub(crate) fn judged(&mut self, found: ToldInspection) {
        let (id, verdict) = (found.id, found.verdict);
        self.judged += 1;
        self.last = Some(id);
        self.found = Some(found);
        self.recent.insert(0, RecentVerdict { id, verdict });
        self.recent.truncate(RECENT);
    }

    pub(crate) fn skip(&mut self, file: SkippedPhoto) {
        self.skipped += 1;
        self.last_skipped.insert(0, file);
        self.last_skipped.truncate(NAMED);
    }
}

/// The watches that run, by their jobs.
#[derive(Default)]
pub(crate) struct Watches {
    running: Mutex<BTreeMap<u64, RunningWatch>>,
    /// Held while one is queued, so that there are not two of the same.
    pub(crate) queueing: Mutex<()>,
}

impl Watches {
    pub(crate) fn all(&self) -> Vec<RunningWatch> {
        self.running.lock().values().cloned().collect()
    }

    /// Keeps a watch until what is given back is dropped.
    pub(crate) fn keep(&self, watch: RunningWatch) -> Kept<'_> {
        let job = watch.job;
        self.running.lock().insert(job, watch);
        Kept { watches: self, job }
    }
}

/// A watch that is kept.
pub(crate) struct Kept<'a> {
    watches: &'a Watches,
    job: u64,
}

impl Kept<'_> {
    pub(crate) fn change(&self, change: impl FnOnce(&mut RunningWatch)) {
        if let Some(watch) = self.watches.running.lock().get_mut(&self.job) {
            change(watch);
        }
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.watches.running.lock().remove(&self.job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_each_is_one_folders() {
        let given = [
            "/mnt/line1/photos",
            "/mnt/line2/photos",
            "/srv/camera",
            "/data/watched",
            "/watched",
        ];
        let given: Vec<PathBuf> = given.iter().map(PathBuf::from).collect();
        let names: Vec<String> = given.iter().map(|path| name_of(path, &given)).collect();
        assert_eq!(
            names,
            [
                "line1/photos",
                "line2/photos",
                "camera",
                "data/watched",
                "/watched"
            ]
        );
        assert_eq!(name_of(&given[0], &given[..1]), "photos");
    }

    #[test]
    fn folders_that_are_offered_by_themselves_belong_to_no_other() {
        let place = tempfile::tempdir().unwrap();
        let home = Home::open(place.path().join("home")).unwrap();
        let at = |name: &str| place.path().join(name);
        let given = [at("data"), at("data/line1"), at("data2")];
        let offered = offered(&home, &given);
        let reach = |path: &Path| {
            let folder = offered.iter().find(|one| Path::new(&one.path) == path);
            Reach::of(&home, &given, folder.unwrap())
        };
        let data = reach(&given[0]);
        assert_eq!((data.depth, &data.apart[..]), (4, &given[1..2]));
        let line = reach(&given[1]);
        assert_eq!((line.depth, line.apart.len()), (4, 0));
        assert_eq!(reach(&home.watched()).depth, 0);
        // What was not reached when a watch began is not reached later, either.
        let apart = data.apart.clone();
        let again = Reach {
            depth: 4,
            apart: Vec::new(),
        }
        .within(4, apart.clone());
        assert_eq!((again.depth, again.apart), (4, apart));
        assert_eq!(reach(&given[0]).within(0, Vec::new()).depth, 0);
    }

    #[cfg(unix)]
    #[test]
    fn links_below_the_homes_own_folder_lead_nowhere_else() {
        use std::os::unix::fs::symlink;
        let place = tempfile::tempdir().unwrap();
        let home = Home::open(place.path().join("home")).unwrap();
        offered(&home, &[]);
        let own = home.watched();
        std::fs::create_dir(own.join("line")).unwrap();
        std::fs::write(own.join("line/a.jpg"), "a").unwrap();
        std::fs::write(place.path().join("secret.jpg"), "secret").unwrap();
        symlink(place.path().join("secret.jpg"), own.join("line/b.jpg")).unwrap();
        symlink(place.path(), own.join("out")).unwrap();
        symlink(own.join("line/a.jpg"), own.join("line/c.jpg")).unwrap();
        let table = [
            (own.join("line/a.jpg"), false),
            (own.join("line/b.jpg"), true),
            (own.join("line/c.jpg"), false),
            (own.join("out/secret.jpg"), true),
            (own.join("nothing.jpg"), false),
            (place.path().join("secret.jpg"), false),
        ];
        for (path, out) in table {
            assert_eq!(leads_out(&home, &path), out, "{}", path.display());
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_homes_own_folders_are_offered_and_no_links() {
        let place = tempfile::tempdir().unwrap();
        let home = Home::open(place.path().join("home")).unwrap();
        let names = || -> Vec<String> {
            let offered = offered(&home, &[place.path().join("camera")]);
            offered.into_iter().map(|folder| folder.name).collect()
        };
        assert_eq!(names(), ["watched", "camera"]);
        let own = home.watched();
        for name in ["部品", "line 1", ".hidden", "line 1/deep"] {
            std::fs::create_dir(own.join(name)).unwrap();
        }
        std::fs::write(own.join("file"), "").unwrap();
        std::os::unix::fs::symlink("/", own.join("link")).unwrap();
        assert_eq!(
            names(),
            ["watched", "watched/line 1", "watched/部品", "camera"]
        );
        // One that is away is waited for; nothing else is known.
        let known = |path: PathBuf| known(&home, &[], path.to_str().unwrap());
        std::fs::remove_dir(own.join("部品")).unwrap();
        assert_eq!(known(own.join("部品")).unwrap().name, "watched/部品");
        assert_eq!(known(own.clone()).unwrap().name, "watched");
        let outside = place.path().join("camera");
        let others = [
            own.join("line 1/deep"),
            own.join(".hidden"),
            own.join(".."),
            outside,
        ];
        for path in others {
            assert_eq!(known(path), None);
        }
    }
}
