//! What is in a folder, look by look: which photos are new, and complete.
//!
//! Nothing but lists of folders is relied on, so that it works on network shares. A photo is complete when its length
//! and its time are the same in two looks.
//!
//! Years of photos may lie there. A look goes through the folder itself, through those in it that photos came into of
//! late, and through [`COLD`] others, in turn; of the photos that were given already it asks [`ASKED`] of a folder at
//! most how they look now, in turn, too. So a look costs about as much after years, and what is missed in one is found
//! in one of the next.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::listing::{Reach, is_mount, list, under};
use super::photo::{Arrived, Stamp};

/// How far two looks are apart at least that find a file unchanged.
const QUIET: Duration = Duration::from_millis(300);

/// How long a folder is looked into each time after a photo has come into it.
const WARM: Duration = Duration::from_secs(60);

/// Folders that no photo came into of late and that a look goes through at most.
const COLD: usize = 200;

/// Photos of these that a look asks about, about.
const COLD_PHOTOS: usize = 20_000;

/// Photos of a folder that were given and that a look asks about, about.
const ASKED: usize = 20_000;

/// What is known of a file.
#[derive(Debug, Clone, Copy)]
struct Known {
    stamp: Stamp,
    tries: u32,
    /// From when on it is complete if it still looks the same; `None`: it was handed out.
    ready: Option<Instant>,
}

/// What was seen of the watched folder, or of one in it.
#[derive(Debug, Default)]
struct Below {
    files: HashMap<OsString, Known>,
    /// The folders in it, by name.
    inside: Vec<OsString>,
    /// Whether it was looked into.
    known: bool,
    /// How often it was looked into: each time another part of many photos is asked about.
    visits: u64,
    /// When a photo came last, after the first look.
    came: Option<Instant>,
}

impl Below {
    /// Whether each look goes through it.
    fn is_warm(&self, now: Instant) -> bool {
        let came = |at: Instant| now.saturating_duration_since(at) < WARM;
        self.came.is_some_and(came) || self.files.values().any(|known| known.ready.is_some())
    }
}

/// A folder, with what was seen in it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Whether the path may be a link to the folder.
    linked: bool,
    reach: Reach,
    /// By their paths below the watched one, which has an empty one.
    folders: BTreeMap<PathBuf, Below>,
    /// Folders that were found and not looked into yet, the next first.
    unseen: VecDeque<PathBuf>,
    /// The last one whose turn it was.
    turn: PathBuf,
    /// Folders in it that cannot be read, and which of them are not told yet.
    closed: HashSet<PathBuf>,
    news: Vec<(PathBuf, io::Error)>,
    /// Whether something was mounted there.
    was_mount: bool,
    is_mount: fn(&Path) -> io::Result<bool>,
}

impl Folder {
    pub(super) fn new(path: &Path, linked: bool) -> Folder {
        Folder {
            path: path.to_path_buf(),
            linked,
            reach: Reach::default(),
            folders: BTreeMap::new(),
            unseen: VecDeque::new(),
            turn: PathBuf::new(),
            closed: HashSet::new(),
            news: Vec::new(),
            was_mount: false,
            is_mount,
        }
    }

    /// The same with the folders in it that belong to it.
    pub(super) fn reaching(mut self, reach: Reach) -> Folder {
        self.reach = reach;
        self
    }

    /// Looks once. Gives the photos that are complete and were not given since they last changed, the oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read, or its share is mounted no more. What was given before it went is not given
    /// again when it is back.
    pub(super) fn look(&mut self, now: Instant) -> io::Result<Vec<Arrived>> {
        if !self.linked && self.path.symlink_metadata()?.is_symlink() {
            return Err(io::Error::other("it is a link to another place"));
        }
        self.is_there()?;
        let mut arrived = Vec::new();
        let mut seen = HashSet::new();
        let mut next = vec![PathBuf::new()];
        let warm = self.warm(now);
        while let Some(at) = next.pop() {
            match self.visit(&at, now, &mut arrived) {
                Ok((_, fresh)) => next.extend(self.next_in(&at, &warm, fresh)),
                Err(error) if at.as_os_str().is_empty() => return Err(error),
                Err(error) => self.lose(&at, error),
            }
            seen.insert(at);
        }
        self.cold(now, &mut seen, &mut arrived);
        arrived.sort_by(|a, b| (a.stamp.modified, &a.path).cmp(&(b.stamp.modified, &b.path)));
        Ok(arrived)
    }

    /// The folders in it that cannot be read, each once until it can.
    pub(super) fn unreadable(&mut self) -> Vec<(PathBuf, io::Error)> {
        std::mem::take(&mut self.news)
    }

    /// Hands out a photo again at some time, if it still looks the same; it was tried so often then.
    pub(super) fn again(&mut self, photo: &Arrived, tries: u32, at: Instant) {
        let Ok(place) = photo.path.strip_prefix(&self.path) else {
            return;
        };
        let folder = place.parent().and_then(|below| self.folders.get_mut(below));
        let name = place.file_name().unwrap_or_default();
        if let Some(known) = folder.and_then(|folder| folder.files.get_mut(name))
            && known.stamp == photo.stamp
        {
            known.tries = tries;
            known.ready = Some(at);
        }
    }

    /// Where a share was mounted and is no more, an empty folder is left, which is no sign that all is well.
    fn is_there(&mut self) -> io::Result<()> {
        let is_mount = (self.is_mount)(&self.path)?;
        if self.was_mount && !is_mount && std::fs::read_dir(&self.path)?.next().is_none() {
            return Err(io::Error::other("nothing is mounted there any more"));
        }
        self.was_mount = is_mount;
        Ok(())
    }

    /// The folders that each look goes through, with those around them.
    fn warm(&self, now: Instant) -> HashSet<PathBuf> {
        let warm = self.folders.iter().filter(|(_, below)| below.is_warm(now));
        let around = warm.flat_map(|(path, _)| path.ancestors());
        around.map(Path::to_path_buf).collect()
    }

    /// Those in a folder that was looked into that come next: warm ones, such as have just come, and the last one by
    /// name, as names are often days.
    fn next_in(&self, at: &Path, warm: &HashSet<PathBuf>, fresh: Vec<PathBuf>) -> Vec<PathBuf> {
        let Some(below) = self.folders.get(at) else {
            return fresh;
        };
        let last = below.inside.last().map(|name| at.join(name));
        let inside = below.inside.iter().map(|name| at.join(name));
        let next = inside.filter(|path| {
            warm.contains(path) || fresh.contains(path) || last.as_ref() == Some(path)
        });
        next.collect()
    }

    /// Goes through some of the others: those that were never looked into, then whose turn it is.
    fn cold(&mut self, now: Instant, seen: &mut HashSet<PathBuf>, arrived: &mut Vec<Arrived>) {
        let (mut folders, mut photos) = (0, 0);
        let mut turned = false;
        while folders < COLD && photos < COLD_PHOTOS {
            let next = self
                .unseen
                .pop_front()
                .or_else(|| self.turn_of(&mut turned));
            let Some(at) = next else { return };
            if !self.folders.contains_key(&at) || !seen.insert(at.clone()) {
                continue;
            }
            folders += 1;
            match self.visit(&at, now, arrived) {
                Ok((asked, _)) => photos += asked,
                Err(error) => self.lose(&at, error),
            }
        }
    }

    /// The folder whose turn it is; `None` after one round.
    fn turn_of(&mut self, turned: &mut bool) -> Option<PathBuf> {
        use std::ops::Bound::{Excluded, Unbounded};
        let after = (Excluded(self.turn.clone()), Unbounded);
        let next = self.folders.range(after).next();
        if let Some((path, _)) = next {
            self.turn = path.clone();
            return Some(self.turn.clone());
        }
        if std::mem::replace(turned, true) {
            return None;
        }
        self.turn = PathBuf::new();
        self.turn_of(turned)
    }

    /// Looks into one folder. Gives how many files it has asked about, and the folders that have come into it since it
    /// was looked into before.
    fn visit(
        &mut self,
        at: &Path,
        now: Instant,
        arrived: &mut Vec<Arrived>,
    ) -> io::Result<(usize, Vec<PathBuf>)> {
        let path = under(&self.path, at);
        let level = at.components().count();
        let listed = list(&path, level, &self.reach)?;
        self.closed.remove(at);
        let below = self.folders.entry(at.to_path_buf()).or_default();
        let slices = (below.files.len().div_ceil(ASKED).max(1)) as u64;
        below.visits += 1;
        let (mut there, mut asked) = (HashMap::new(), 0);
        for name in listed.photos {
            let known = below.files.get(&name).copied();
            let was_given = known.filter(|known| known.ready.is_none());
            if let Some(given) = was_given
                && slice_of(&name, slices) != below.visits % slices
            {
                there.insert(name, given);
                continue;
            }
            asked += 1;
            let file = path.join(&name);
            // Asked for by its path, as lists of folders may tell old news; of a link, what it is itself.
            let Some(stamp) = Stamp::of_file(&file) else {
                continue;
            };
            let mut known = known
                .filter(|known| known.stamp == stamp)
                .unwrap_or_else(|| {
                    if below.known {
                        below.came = Some(now);
                    }
                    Known {
                        stamp,
                        tries: 0,
                        ready: Some(now + QUIET),
                    }
                });
            if known.ready.is_some_and(|ready| ready <= now) {
                known.ready = None;
                arrived.push(Arrived {
                    path: file,
                    below: level,
                    stamp,
                    tries: known.tries,
                });
            }
            there.insert(name, known);
        }
        below.files = there;
        let before = std::mem::replace(&mut below.inside, listed.folders);
        let had = std::mem::replace(&mut below.known, true);
        let inside: Vec<PathBuf> = below.inside.iter().map(|name| at.join(name)).collect();
        for gone in before.iter().map(|name| at.join(name)) {
            if inside.binary_search(&gone).is_err() {
                self.forget(&gone);
            }
        }
        let mut fresh = Vec::new();
        for path in inside {
            if !self.folders.contains_key(&path) {
                self.folders.insert(path.clone(), Below::default());
                fresh.push(path);
            }
        }
        if !had {
            // All that is there at first, the last by name first.
            self.unseen.extend(fresh.drain(..).rev());
        }
        Ok((asked, fresh))
    }

    /// Of a folder that has gone, nothing is known; one that cannot be read is told.
    fn lose(&mut self, at: &Path, error: io::Error) {
        use io::ErrorKind::{NotADirectory, NotFound};
        match error.kind() {
            NotFound | NotADirectory => self.forget(at),
            _ if self.closed.insert(at.to_path_buf()) => {
                self.news.push((under(&self.path, at), error));
            }
            _ => {}
        }
    }

    fn forget(&mut self, at: &Path) {
        // Those in a folder follow it.
        let from = self.folders.range(at.to_path_buf()..);
        let gone = from.take_while(|(path, _)| path.starts_with(at));
        let gone: Vec<PathBuf> = gone.map(|(path, _)| path.clone()).collect();
        for path in gone {
            self.folders.remove(&path);
            self.closed.remove(&path);
        }
    }
}

fn slice_of(name: &OsStr, slices: u64) -> u64 {
    if slices == 1 {
        return 0;
    }
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish() % slices
}

#[cfg(test)]
mod tests;
