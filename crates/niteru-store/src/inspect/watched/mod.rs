//! A watched folder: photos are written into it, by a camera over a network share, and each is judged once.

mod dealt;
mod folder;
mod listing;
mod patience;
mod photo;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use niteru_imaging::{DecodeError, Limits};
use sha2::{Digest, Sha256};

use self::dealt::Became;
use self::folder::Folder;
use self::listing::Reach;
use self::patience::{pause, unless};
use self::photo::Arrived;
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

/// Which photos of a watched folder are judged.
#[derive(Debug, Clone, Copy)]
pub struct PhotoReach<'a> {
    /// How many folders deep it is looked into; 0: photos are those directly in it. Cameras may make a folder for each
    /// day.
    pub depth: usize,
    /// Folders in it that do not belong to it, such as those that are watched by themselves.
    pub apart: &'a [PathBuf],
}

impl PhotoReach<'static> {
    /// Four folders deep, and all of them: years, months, days and lots.
    pub const DEEP: PhotoReach<'static> = PhotoReach {
        depth: 4,
        apart: &[],
    };
}

impl From<PhotoReach<'_>> for Reach {
    fn from(PhotoReach { depth, apart }: PhotoReach<'_>) -> Reach {
        Reach {
            depth,
            apart: apart.to_vec(),
        }
    }
}

/// Whose photos are watched for where.
#[derive(Clone, Copy)]
pub struct PhotoWatch<'a> {
    /// Name of the inspector.
    pub inspector: &'a str,
    /// The folder. Links in it are not followed, and what is hidden is left out.
    pub folder: &'a Path,
    /// Which of its photos are meant.
    pub reach: PhotoReach<'a>,
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
    Judged(Box<ToldInspection>),
    /// A photo cannot be used, or a folder in the watched one not be read. Told once until that changes.
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
        reach: PhotoReach<'_>,
        existing: bool,
    ) -> Result<(), StoreError> {
        self.newest_version(inspector)?;
        let folder = absolute(folder)?;
        let begun = Instant::now();
        let (at, reach) = (folder.clone(), Reach::from(reach));
        let look = move || listing::photos_in(&at, &reach);
        let looked = unless(&|| begun.elapsed() > FIRST, &mut || {}, look);
        let looked = looked.unwrap_or_else(|| Err(slow()));
        let photos = looked.map_err(|source| unreadable(&folder, source))?;
        if existing {
            return self.forget_unjudged(inspector, &photos);
        }
        let news = self.not_dealt_with(inspector, photos)?;
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
        let mut folder = Folder::new(&path, watch.linked).reaching(watch.reach.into());
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
                    for (path, error) in folder.unreadable() {
                        let error = DecodeError::from(error);
                        on_event(PhotoEvent::Skipped { path, error });
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
        let read = unless(watch.stop, &mut || {}, move || photo::read(&at, &limits));
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
                    let told = inspected.told(id, photo.path, None);
                    on_event(PhotoEvent::Judged(Box::new(told)));
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

fn slow() -> io::Error {
    let seconds = FIRST.as_secs();
    let reason = format!(
        "it does not answer, or not all photos in it were listed in {seconds} seconds: watch a folder in it that has \
         fewer, or move old ones away"
    );
    io::Error::new(io::ErrorKind::TimedOut, reason)
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
