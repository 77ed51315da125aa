use std::fs::File;
use std::time::UNIX_EPOCH;

use niteru_imaging::{DecodeError, Limits};

use super::super::listing::photos_in;
use super::super::photo::read;
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

impl Place {
    fn deep(depth: usize, apart: &[&str]) -> Place {
        let mut place = Place::new();
        let apart = apart.iter().map(|name| place.file(name)).collect();
        let path = place.folder.path.clone();
        place.folder = Folder::new(&path, false).reaching(Reach { depth, apart });
        place
    }

    fn within(&self, name: &str, time: u64) {
        std::fs::create_dir_all(self.file(name).parent().unwrap()).unwrap();
        self.write(name, name, time);
    }
}

#[test]
fn folders_are_looked_into_as_deep_as_they_belong_to_it() {
    let mut place = Place::deep(2, &["apart"]);
    for (time, name) in [
        "a.jpg",
        "1/b.jpg",
        "1/2/c.jpg",
        "1/2/3/d.jpg",
        "apart/e.jpg",
        ".f/g.jpg",
    ]
    .iter()
    .enumerate()
    {
        place.within(name, time as u64);
    }
    place.look();
    assert_eq!(place.look(), ["a.jpg", "b.jpg", "c.jpg"]);
    let below = photos_in(&place.folder.path, &place.folder.reach).unwrap();
    assert_eq!(below.len(), 3, "{below:?}");
    // A day that has just begun, and one that was there.
    place.within("2026-12-01/h.jpg", 9);
    place.within("1/i.jpg", 10);
    place.look();
    assert_eq!(place.look(), ["h.jpg", "i.jpg"]);
    // A folder with a photo's name.
    place.within("j.jpg/k.jpg", 11);
    place.look();
    assert_eq!(place.look(), ["k.jpg"]);
    std::fs::remove_dir_all(place.file("1")).unwrap();
    assert_eq!(place.look(), [""; 0]);
    assert!(!place.folder.folders.contains_key(Path::new("1/2")));
    place.within("1/l.jpg", 12);
    place.look();
    assert_eq!(place.look(), ["l.jpg"]);
}

/// How many folders it has looked into by now.
fn known(place: &Place) -> usize {
    let known = place.folder.folders.values();
    known.filter(|below| below.known).count()
}

#[test]
fn a_look_goes_through_so_many_folders_and_through_all_in_turn() {
    let mut place = Place::deep(1, &[]);
    let all = 2 * COLD + 50;
    for number in 0..all {
        place.within(&format!("{number:04}/{number}.jpg"), number as u64);
    }
    place.look();
    // With the watched one, and the last by name.
    assert_eq!(known(&place), COLD + 2);
    let mut given = Vec::new();
    for _ in 0..6 {
        given.extend(place.look());
    }
    assert_eq!((known(&place), given.len()), (all + 1, all));
    // When nothing comes any more, a new photo is found all the same, and soon where photos came of late.
    place.now += WARM;
    place.within("0000/late.jpg", 9000);
    let found = (0..8).find(|_| place.look() == ["late.jpg"]);
    assert!(found.is_some());
    for turn in 0..20 {
        place.within(&format!("0000/{turn}-more.jpg"), 9001 + turn);
        assert_eq!(place.look(), [""; 0]);
        assert_eq!(place.look(), [format!("{turn}-more.jpg")]);
    }
    // A new day is looked into at once.
    place.within("9999/first.jpg", 9999);
    place.look();
    assert_eq!(place.look(), ["first.jpg"]);
}

#[test]
fn of_many_photos_each_is_asked_about_in_turn() {
    let names: Vec<OsString> = (0..1000).map(|at| format!("{at}.jpg").into()).collect();
    for slices in [1, 2, 7] {
        let mut asked = vec![0; names.len()];
        for look in 0..slices {
            for (name, asked) in names.iter().zip(&mut asked) {
                *asked += u32::from(slice_of(name, slices) == look % slices);
            }
        }
        assert!(asked.iter().all(|&times| times == 1), "{slices}");
    }
}

#[test]
fn an_empty_folder_where_a_share_was_mounted_is_none() {
    let mut place = Place::new();
    // A mark beside the folder stands for the mount.
    place.folder.is_mount = |folder| Ok(folder.with_file_name("mounted").exists());
    let mark = place.file("../mounted");
    place.write("a.jpg", "a", 1);
    place.look();
    assert_eq!(place.look(), ["a.jpg"]);
    // What a program takes away leaves an empty folder, and all is well.
    std::fs::remove_file(place.file("a.jpg")).unwrap();
    assert_eq!(place.look(), [""; 0]);
    std::fs::write(&mark, "").unwrap();
    assert_eq!(place.look(), [""; 0]);
    std::fs::remove_file(&mark).unwrap();
    for _ in 0..2 {
        let error = place.arrived().unwrap_err();
        assert!(error.to_string().contains("mounted"), "{error}");
    }
    std::fs::write(&mark, "").unwrap();
    assert_eq!(place.look(), [""; 0]);
    // In its place somebody writes photos on purpose.
    std::fs::remove_file(&mark).unwrap();
    place.write("b.jpg", "b", 2);
    place.look();
    assert_eq!(place.look(), ["b.jpg"]);
    #[cfg(unix)]
    {
        let mounted = |path: &str| super::is_mount(Path::new(path)).unwrap();
        assert!(!mounted("/") && !super::is_mount(place.place.path()).unwrap_or(true));
    }
}

#[cfg(unix)]
#[test]
fn links_to_folders_are_not_followed_and_none_in_a_folders_place() {
    use std::os::unix::fs::symlink;
    let mut place = Place::deep(4, &[]);
    let outside = place.place.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("a.jpg"), "secret").unwrap();
    symlink(&outside, place.file("link")).unwrap();
    place.within("day/a.jpg", 1);
    place.look();
    let photo = place.arrived().unwrap().remove(0);
    assert_eq!(
        (photo.path.clone(), photo.below),
        (place.file("day/a.jpg"), 1)
    );
    let limits = Limits::default();
    assert!(read(&photo, &limits).unwrap().is_some());
    std::fs::rename(place.file("day"), place.file("was")).unwrap();
    symlink(place.file("was"), place.file("day")).unwrap();
    assert!(read(&photo, &limits).unwrap().is_none());
    place.look();
    let paths: Vec<PathBuf> = place
        .arrived()
        .unwrap()
        .into_iter()
        .map(|one| one.path)
        .collect();
    assert_eq!(paths, [place.file("was/a.jpg")]);
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
