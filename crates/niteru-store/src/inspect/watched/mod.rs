//! A watched folder: photos are written into it, by a camera over a network share, and each is judged once.

mod dealt;
mod folder;
mod patience;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use niteru_imaging::{DecodeError, Limits};
use sha2::{Digest, Sha256};

use self::dealt::Became;
use self::folder::{Arrived, Folder};
use self::patience::{pause, unless};
use super::record::NewInspection;
use super::run::InspectedFile;
use super::told::ToldInspection;
use crate::{Home, StoreError, paths};

/// Time from one look into the folder to the next. A look that takes long is followed by a longer pause.
const EACH: Duration = Duration::from_millis(500);

/// After which time a photo that cannot be used is read once more: network shares may tell of a length before the
/// contents are there.
const PATIENCE: Duration = Duration::from_secs(5);

/// After which time a file is tried again that cannot be read at all, such as for its permissions.
const UNREADABLE: Duration = Duration::from_secs(60);

/// How long the first look into a folder may take.
const FIRST: Duration = Duration::from_secs(30);

/// Whose photos are watched for where.
#[derive(Clone, Copy)]
pub struct PhotoWatch<'a> {
    /// Name of the inspector.
    pub inspector: &'a str,
    /// The folder. Photos are those directly in it; links in it are not followed.
    pub folder: &'a Path,
    /// Whether the folder itself may be a link to it; if not, one that becomes a link counts as gone.
    pub linked: bool,
    /// What a photo may ask for before it is refused.
    pub limits: Limits,
    /// Whether to end. Asked often, and from one thread.
    pub stop: &'a dyn Fn() -> bool,
}

/// A photo that was judged, not yet recorded.
#[derive(Debug)]
pub struct JudgedPhoto {
    /// Number of the version that judged it.
    pub inspector: u64,
    /// What is to be recorded.
    pub record: NewInspection,
    /// What was found.
    pub inspected: InspectedFile,
}

/// Why a photo was not judged.
#[derive(Debug)]
pub enum NotJudged<E> {
    /// It cannot be used; others can.
    Photo(DecodeError),
    /// None can be judged: the watch ends.
    Watch(E),
}

/// Judges a photo, given its path and what is in it.
pub type JudgePhoto<'a, E> = dyn FnMut(&Path, Vec<u8>) -> Result<JudgedPhoto, NotJudged<E>> + 'a;

/// What happened while watching.
#[derive(Debug)]
pub enum PhotoEvent {
    /// A photo was judged, and that is recorded.
    Judged(ToldInspection),
    /// A photo cannot be used. Told once until it changes.
    Skipped {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// The folder cannot be reached any more. It is looked for again and again.
    Unreachable {
        /// What the system says.
        reason: String,
        /// What kind of trouble that is; a folder that does not answer has timed out.
        kind: io::ErrorKind,
    },
    /// The folder is back.
    Reachable,
}

impl Home {
    /// Begins to watch a folder with an inspector: what lies there now counts as dealt with, unless `existing` says that
    /// it is to be judged, too. What the inspector has judged there before is not judged again either way.
    ///
    /// # Errors
    /// [`StoreError::NoInspector`], [`StoreError::Read`] where the folder cannot be read, and those of the database.
    pub fn begin_watching(
        &self,
        inspector: &str,
        folder: &Path,
        existing: bool,
    ) -> Result<(), StoreError> {
        self.newest_version(inspector)?;
        let folder = absolute(folder)?;
        let begun = Instant::now();
        let at = folder.clone();
        let look = move || folder::photos_in(&at);
        let looked = unless(&|| begun.elapsed() > FIRST, &mut || {}, look);
        let looked = looked.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()));
        let photos = looked.map_err(|source| unreadable(&folder, source))?;
        if existing {
            return self.forget_unjudged(inspector, &folder);
        }
        let photos = photos.into_iter().map(|(name, stamp)| Arrived {
            path: folder.join(name),
            stamp,
            tries: 0,
        });
        let news = self.not_dealt_with(inspector, photos.collect())?;
        self.deal_with(inspector, &news, Became::Left)
    }

    /// Watches a folder until it is to stop: judges each photo once that comes into it, when it is complete, and records
    /// the decision. What was dealt with stays so when it begins again, however it ended. A folder that goes is waited
    /// for. No file is changed, moved or removed.
    ///
    /// # Errors
    /// What ends `judge`, and those of the database.
    pub fn watch_photos<E: From<StoreError>>(
        &self,
        watch: &PhotoWatch<'_>,
        judge: &mut JudgePhoto<'_, E>,
        on_event: &mut dyn FnMut(PhotoEvent),
    ) -> Result<(), E> {
        let path = absolute(watch.folder)?;
        let mut folder = Folder::new(&path, watch.linked);
        let mut reachable = true;
        while !(watch.stop)() {
            let begun = Instant::now();
            let mut lost = |reason: String, kind| {
                if std::mem::take(&mut reachable) {
                    on_event(PhotoEvent::Unreachable { reason, kind });
                }
            };
            let slow = &mut || lost("it does not answer".into(), io::ErrorKind::TimedOut);
            let seen = unless(watch.stop, slow, move || {
                let looked = folder.look(Instant::now());
                (folder, looked)
            });
            let Some((seen, looked)) = seen else {
                return Ok(());
            };
            folder = seen;
            let took = begun.elapsed();
            match looked {
                Err(error) => lost(error.to_string(), error.kind()),
                Ok(arrived) => {
                    if !std::mem::replace(&mut reachable, true) {
                        on_event(PhotoEvent::Reachable);
                    }
                    for photo in self.not_dealt_with(watch.inspector, arrived)? {
                        if (watch.stop)() {
                            return Ok(());
                        }
                        self.take_in(watch, &mut folder, photo, judge, on_event)?;
                    }
                }
            }
            pause(watch.stop, EACH.max(took * 3));
        }
        Ok(())
    }

    /// Reads a photo, has it judged, and records that.
    fn take_in<E: From<StoreError>>(
        &self,
        watch: &PhotoWatch<'_>,
        folder: &mut Folder,
        photo: Arrived,
        judge: &mut JudgePhoto<'_, E>,
        on_event: &mut dyn FnMut(PhotoEvent),
    ) -> Result<(), E> {
        let (limits, name) = (watch.limits, watch.inspector);
        let at = photo.clone();
        let read = unless(watch.stop, &mut || {}, move || folder::read(&at, &limits));
        let bytes = match read {
            None => return Ok(()),
            // It goes on changing, or has gone: the next looks tell.
            Some(Ok(None)) => {
                folder.again(&photo, photo.tries, Instant::now() + EACH);
                return Ok(());
            }
            Some(Ok(Some(bytes))) => bytes,
            Some(Err(error)) => {
                self.refuse(watch, folder, photo, error, on_event)?;
                return Ok(());
            }
        };
        let sha256: [u8; 32] = Sha256::digest(&bytes).into();
        if self.was_judged(name, &photo, &sha256)? {
            // Only its time is another.
            self.deal_with(name, &[photo], Became::Judged(sha256))?;
            return Ok(());
        }
        match judge(&photo.path, bytes) {
            Err(NotJudged::Watch(error)) => return Err(error),
            Err(NotJudged::Photo(error)) => self.refuse(watch, folder, photo, error, on_event)?,
            Ok(JudgedPhoto {
                inspector,
                record,
                inspected,
            }) => match self.record_watched(name, &photo, inspector, &record) {
                Ok(Some(id)) => {
                    on_event(PhotoEvent::Judged(inspected.told(id, photo.path, None)));
                }
                Ok(None) => {}
                // Others write for long: it is tried again.
                Err(StoreError::Busy { .. }) => {
                    folder.again(&photo, photo.tries, Instant::now() + EACH)
                }
                Err(error) => return Err(error.into()),
            },
        }
        Ok(())
    }

    /// Deals with a photo that cannot be used: it gets a second chance, and is told then.
    fn refuse(
        &self,
        watch: &PhotoWatch<'_>,
        folder: &mut Folder,
        photo: Arrived,
        error: DecodeError,
        on_event: &mut dyn FnMut(PhotoEvent),
    ) -> Result<(), StoreError> {
        let now = Instant::now();
        if photo.tries == 0 {
            folder.again(&photo, 1, now + PATIENCE);
            return Ok(());
        }
        match error.reason() {
            // That may change unseen.
            DecodeError::Io(_) => folder.again(&photo, photo.tries + 1, now + UNREADABLE),
            _ => {
                let refused = std::slice::from_ref(&photo);
                self.deal_with(watch.inspector, refused, Became::Refused)?;
            }
        }
        if photo.tries == 1 {
            let path = photo.path;
            on_event(PhotoEvent::Skipped { path, error });
        }
        Ok(())
    }
}

fn absolute(folder: &Path) -> Result<PathBuf, StoreError> {
    paths::absolute(folder).map_err(|source| unreadable(folder, source))
}

fn unreadable(folder: &Path, source: io::Error) -> StoreError {
    StoreError::Read {
        path: folder.to_path_buf(),
        source,
    }
}
