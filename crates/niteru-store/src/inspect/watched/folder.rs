//! What is in a folder, look by look: which photos are new, and complete.
//!
//! Nothing but the folder's list is relied on, so that it works on network shares. A photo is complete when its length
//! and its time are the same in two looks.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use niteru_imaging::{DecodeError, Limits, is_image_path};

/// How far two looks are apart at least that find a file unchanged.
const QUIET: Duration = Duration::from_millis(300);

/// How a file looks without being opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) bytes: u64,
    /// When it was changed, nanoseconds since 1970; 0 where the system does not say.
    pub(super) modified: i64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        let nanos = |time: SystemTime| match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |n| -n),
        };
        Stamp {
            bytes: metadata.len(),
            modified: metadata.modified().map_or(0, nanos),
        }
    }
}

/// A photo that is complete, as far as can be seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrived {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
    /// How often it could not be used before, looking the same.
    pub(super) tries: u32,
}

/// What is known of a file.
#[derive(Debug, Clone, Copy)]
struct Known {
    stamp: Stamp,
    tries: u32,
    /// From when on it is complete if it still looks the same; `None`: it was handed out.
    ready: Option<Instant>,
}

/// A folder, with what was seen in it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Whether the path may be a link to the folder.
    linked: bool,
    files: HashMap<OsString, Known>,
}

impl Folder {
    pub(super) fn new(path: &Path, linked: bool) -> Folder {
        Folder {
            path: path.to_path_buf(),
            linked,
            files: HashMap::new(),
        }
    }

    /// Looks once. Gives the photos that are complete and were not given since they last changed, the oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read. What was given before it went is not given again when it is back.
    pub(super) fn look(&mut self, now: Instant) -> io::Result<Vec<Arrived>> {
        if !self.linked && self.path.symlink_metadata()?.is_symlink() {
            return Err(io::Error::other("it is a link to another place"));
        }
        let mut arrived = Vec::new();
        let mut there = HashMap::new();
        for (name, stamp) in photos_in(&self.path)? {
            let known = self.files.get(&name).filter(|known| known.stamp == stamp);
            let mut known = known.copied().unwrap_or(Known {
                stamp,
                tries: 0,
                ready: Some(now + QUIET),
            });
            if known.ready.is_some_and(|ready| ready <= now) {
                known.ready = None;
                arrived.push(Arrived {
                    path: self.path.join(&name),
                    stamp,
                    tries: known.tries,
                });
            }
            there.insert(name, known);
        }
        self.files = there;
        arrived.sort_by(|a, b| (a.stamp.modified, &a.path).cmp(&(b.stamp.modified, &b.path)));
        Ok(arrived)
    }

    /// Hands out a photo again at some time, if it still looks the same; it was tried so often then.
    pub(super) fn again(&mut self, photo: &Arrived, tries: u32, at: Instant) {
        let name = photo.path.file_name().unwrap_or_default();
        if let Some(known) = self.files.get_mut(name)
            && known.stamp == photo.stamp
        {
            known.tries = tries;
            known.ready = Some(at);
        }
    }
}

/// The image files that are in a folder now, with how they look. Links, hidden files and folders are left out.
pub(super) fn photos_in(folder: &Path) -> io::Result<Vec<(OsString, Stamp)>> {
    let mut photos = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if is_hidden(&name) || !is_image_path(Path::new(&name)) {
            continue;
        }
        // Asked for by its path, as lists of folders may tell old news; of a link, what it is itself.
        if let Ok(metadata) = entry.path().symlink_metadata()
            && metadata.is_file()
        {
            photos.push((name, Stamp::of(&metadata)));
        }
    }
    Ok(photos)
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// What is in a photo; `None` where it is not what was seen: it goes on changing, has gone, or is a link now.
pub(super) fn read(photo: &Arrived, limits: &Limits) -> Result<Option<Vec<u8>>, DecodeError> {
    let Ok(seen) = photo.path.symlink_metadata() else {
        return Ok(None);
    };
    let limit = limits.max_file_bytes;
    if seen.is_file() && seen.len() > limit {
        let bytes = seen.len();
        return Err(DecodeError::FileTooLarge { bytes, limit });
    }
    if !seen.is_file() || Stamp::of(&seen) != photo.stamp {
        return Ok(None);
    }
    let file = File::open(&photo.path)?;
    let opened = file.metadata()?;
    if !is_same_file(&seen, &opened) || Stamp::of(&opened) != photo.stamp {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(opened.len()).unwrap_or(0));
    (&file)
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    let steady = Stamp::of(&file.metadata()?) == photo.stamp;
    Ok((steady && bytes.len() as u64 == photo.stamp.bytes).then_some(bytes))
}

/// Whether what was opened is what was seen, and nothing that was put in its place.
#[cfg(unix)]
fn is_same_file(seen: &Metadata, opened: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (seen.dev(), seen.ino()) == (opened.dev(), opened.ino())
}

/// Whether what was opened is what was seen, as far as this system tells.
#[cfg(not(unix))]
fn is_same_file(_: &Metadata, opened: &Metadata) -> bool {
    opened.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place {
        place: tempfile::TempDir,
        folder: Folder,
        now: Instant,
    }

    impl Place {
        fn new() -> Place {
            let place = tempfile::tempdir().unwrap();
            std::fs::create_dir(place.path().join("line")).unwrap();
            Place {
                folder: Folder::new(&place.path().join("line"), false),
                place,
                now: Instant::now(),
            }
        }

        fn file(&self, name: &str) -> PathBuf {
            self.place.path().join("line").join(name)
        }

        /// Writes a file whose time is so many seconds after some moment.
        fn write(&self, name: &str, text: &str, time: u64) {
            std::fs::write(self.file(name), text).unwrap();
            let file = File::options().append(true).open(self.file(name)).unwrap();
            let time = UNIX_EPOCH + Duration::from_secs(1_700_000_000 + time);
            file.set_modified(time).unwrap();
        }

        /// Looks half a second later; gives the names.
        fn look(&mut self) -> Vec<String> {
            let arrived = self.arrived().unwrap();
            let names = arrived.iter().map(|photo| photo.path.file_name().unwrap());
            names.map(|name| name.to_string_lossy().into()).collect()
        }

        fn arrived(&mut self) -> io::Result<Vec<Arrived>> {
            self.now += Duration::from_millis(500);
            self.folder.look(self.now)
        }
    }

    #[test]
    fn a_photo_is_given_once_and_when_it_is_complete() {
        let mut place = Place::new();
        place.write("a.jpg", "half", 1);
        assert_eq!(place.look(), [""; 0]);
        place.write("a.jpg", "half and half", 1);
        assert_eq!(place.look(), [""; 0], "it has grown");
        place.write("a.jpg", "half and half", 2);
        assert_eq!(place.look(), [""; 0], "it was written again");
        assert_eq!(place.look(), ["a.jpg"]);
        assert_eq!(place.look(), [""; 0]);
        // Changed: it is another photo.
        place.write("a.jpg", "another one", 3);
        assert_eq!(place.look(), [""; 0]);
        assert_eq!(place.look(), ["a.jpg"]);
        assert_eq!(place.look(), [""; 0]);
    }

    #[test]
    fn two_looks_at_once_say_nothing() {
        let mut place = Place::new();
        place.write("a.jpg", "a", 1);
        assert_eq!(place.folder.look(place.now).unwrap(), []);
        assert_eq!(place.folder.look(place.now).unwrap(), []);
        assert_eq!(place.look(), ["a.jpg"]);
    }

    #[test]
    fn the_oldest_comes_first_and_only_photos_are_given() {
        let mut place = Place::new();
        place.write("a.jpg", "a", 9);
        place.write("b.PNG", "b", 3);
        place.write("c.tiff", "c", 3);
        place.write(".hidden.jpg", "d", 1);
        place.write("e.jpg.part", "e", 1);
        place.write("Thumbs.db", "f", 1);
        std::fs::create_dir(place.file("folder.jpg")).unwrap();
        place.look();
        assert_eq!(place.look(), ["b.PNG", "c.tiff", "a.jpg"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        use std::os::unix::fs::symlink;
        let mut place = Place::new();
        let outside = place.place.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("secret.jpg"), "secret").unwrap();
        symlink(outside.join("secret.jpg"), place.file("link.jpg")).unwrap();
        place.write("a.jpg", "a", 1);
        place.look();
        let arrived = place.arrived().unwrap();
        assert_eq!(arrived.len(), 1, "{arrived:?}");
        // A link that takes a photo's place, and one that takes the folder's.
        std::fs::remove_file(place.file("a.jpg")).unwrap();
        symlink(outside.join("secret.jpg"), place.file("a.jpg")).unwrap();
        assert!(matches!(read(&arrived[0], &Limits::default()), Ok(None)));
        let line = place.place.path().join("line");
        std::fs::rename(&line, place.place.path().join("was")).unwrap();
        symlink(&outside, &line).unwrap();
        let error = place.arrived().unwrap_err();
        assert!(error.to_string().contains("a link"), "{error}");
        let mut linked = Folder::new(&line, true);
        linked.look(place.now).unwrap();
        let later = place.now + Duration::from_secs(1);
        assert_eq!(linked.look(later).unwrap().len(), 1);
    }

    #[test]
    fn a_folder_that_goes_and_comes_back_gives_what_is_new() {
        let mut place = Place::new();
        place.write("a.jpg", "a", 1);
        place.look();
        assert_eq!(place.look(), ["a.jpg"]);
        let (line, away) = (
            place.place.path().join("line"),
            place.place.path().join("away"),
        );
        std::fs::rename(&line, &away).unwrap();
        for _ in 0..3 {
            let error = place.arrived().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
        }
        std::fs::write(away.join("b.jpg"), "b").unwrap();
        std::fs::rename(&away, &line).unwrap();
        assert_eq!(place.look(), [""; 0]);
        assert_eq!(place.look(), ["b.jpg"]);
    }

    #[test]
    fn what_cannot_be_used_comes_again_when_it_was_asked_for() {
        let mut place = Place::new();
        place.write("a.jpg", "a", 1);
        place.look();
        let first = place.arrived().unwrap();
        place
            .folder
            .again(&first[0], 1, place.now + Duration::from_secs(2));
        for _ in 0..3 {
            assert_eq!(place.look(), [""; 0]);
        }
        let second = place.arrived().unwrap();
        assert_eq!((first[0].tries, second[0].tries), (0, 1));
        // What has changed meanwhile is another photo.
        place.write("a.jpg", "b", 2);
        place.look();
        place.folder.again(&second[0], 2, place.now);
        assert_eq!(place.arrived().unwrap()[0].tries, 0);
    }

    #[test]
    fn what_is_read_is_what_was_seen() {
        let mut place = Place::new();
        place.write("a.jpg", "photo", 1);
        place.look();
        let photo = place.arrived().unwrap().remove(0);
        let limits = Limits::default();
        assert_eq!(read(&photo, &limits).unwrap().unwrap(), b"photo");
        let small = Limits {
            max_file_bytes: 4,
            ..limits
        };
        let error = read(&photo, &small).unwrap_err();
        assert!(matches!(
            error,
            DecodeError::FileTooLarge { bytes: 5, limit: 4 }
        ));
        place.write("a.jpg", "other", 2);
        assert!(read(&photo, &limits).unwrap().is_none(), "it has changed");
        std::fs::remove_file(place.file("a.jpg")).unwrap();
        assert!(read(&photo, &limits).unwrap().is_none(), "it has gone");
    }
}
