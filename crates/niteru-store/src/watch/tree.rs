//! Folders whose changes the Linux kernel tells of.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use niteru_imaging::is_image_path;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

/// Room for what is read at once, in bytes.
const BUFFER: usize = 64 << 10;

/// What the kernel tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Something has happened at this path.
    At(PathBuf),
    /// Too much has happened at once: anything may have changed.
    Lost,
}

/// Watches on folders and on all that are below them, through links, too, where these are followed.
pub(super) struct Tree {
    inotify: OwnedFd,
    links: bool,
    /// A folder that is reached on several ways has several paths.
    paths: HashMap<i32, Vec<PathBuf>>,
    watches: BTreeMap<PathBuf, i32>,
}

impl Tree {
    /// # Errors
    /// The limit on inotify instances or open files is reached.
    pub(super) fn new(links: bool) -> io::Result<Tree> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Tree {
            inotify,
            links,
            paths: HashMap::new(),
            watches: BTreeMap::new(),
        })
    }

    /// Watches a folder and all below it, or does nothing if there is no folder. Hidden folders are
    /// left out.
    ///
    /// # Errors
    /// The limit on watches is reached.
    pub(super) fn watch_below(&mut self, folder: &Path) -> io::Result<()> {
        let mut folders = vec![folder.to_path_buf()];
        while let Some(folder) = folders.pop() {
            // Watched first and listed then: a folder that is made in between is seen twice, not missed.
            if !self.watch(&folder)? {
                continue;
            }
            // What cannot be listed is reported by whoever goes through it.
            for entry in folder.read_dir().into_iter().flatten().flatten() {
                let link_or_folder = entry.file_type().is_ok_and(|kind| !kind.is_file());
                if link_or_folder && !is_hidden(&entry.file_name()) && entry.path().is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        Ok(())
    }

    /// Watches one folder. Returns whether to go below it.
    fn watch(&mut self, folder: &Path) -> io::Result<bool> {
        let mut flags = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::ATTRIB
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::ONLYDIR;
        if !self.links {
            flags |= WatchFlags::DONT_FOLLOW;
        }
        let watch = match inotify::add_watch(&self.inotify, folder, flags) {
            Ok(watch) => watch,
            Err(error @ (Errno::NOSPC | Errno::NOMEM)) => return Err(error.into()),
            // Gone meanwhile, no folder, or not ours to read: nothing to watch.
            Err(_) => return Ok(false),
        };
        let paths = self.paths.entry(watch).or_default();
        // A link that leads back to a folder that it lies in.
        if paths
            .iter()
            .any(|own| folder != own && folder.starts_with(own))
        {
            return Ok(false);
        }
        if !paths.iter().any(|own| own == folder) {
            paths.push(folder.to_path_buf());
        }
        if let Some(old) = self.watches.insert(folder.to_path_buf(), watch)
            && old != watch
        {
            self.forget(old, folder);
        }
        Ok(true)
    }

    /// Whether changes in this folder are told.
    pub(super) fn is_watched(&self, folder: &Path) -> bool {
        self.watches.contains_key(folder)
    }

    /// Ends the watches at and below a path.
    pub(super) fn forget_below(&mut self, folder: &Path) {
        let below: Vec<(PathBuf, i32)> = self
            .watches
            .range(folder.to_path_buf()..)
            .take_while(|(path, _)| path.starts_with(folder))
            .map(|(path, watch)| (path.clone(), *watch))
            .collect();
        for (path, watch) in below {
            self.watches.remove(&path);
            self.forget(watch, &path);
        }
    }

    fn forget(&mut self, watch: i32, path: &Path) {
        let Some(paths) = self.paths.get_mut(&watch) else {
            return;
        };
        paths.retain(|own| own != path);
        if paths.is_empty() {
            self.paths.remove(&watch);
            // It ends by itself where the folder is gone.
            let _ = inotify::remove_watch(&self.inotify, watch);
        }
    }

    /// Waits for events, and hands over what they tell of image files and folders.
    ///
    /// # Errors
    /// The limit on watches is reached, or events cannot be read.
    pub(super) fn read(&mut self, wait: Duration, told: &mut Vec<Told>) -> io::Result<()> {
        let wait = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        };
        let mut ready = [PollFd::new(&self.inotify, PollFlags::IN)];
        match rustix::event::poll(&mut ready, Some(&wait)) {
            Ok(0) | Err(Errno::INTR) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut events = Vec::new();
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        loop {
            match reader.next() {
                Ok(event) => events.push((
                    event.wd(),
                    event.events(),
                    event.file_name().map(|name| name.to_bytes().to_vec()),
                )),
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            // One read at a time: memory stays bounded while others go on writing.
            if reader.is_buffer_empty() {
                break;
            }
        }
        for (watch, kind, name) in events {
            self.take(watch, kind, name.as_deref(), told)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        watch: i32,
        kind: ReadFlags,
        name: Option<&[u8]>,
        told: &mut Vec<Told>,
    ) -> io::Result<()> {
        if kind.contains(ReadFlags::QUEUE_OVERFLOW) {
            told.push(Told::Lost);
            return Ok(());
        }
        if kind.contains(ReadFlags::IGNORED) {
            // The folder is gone, or its disk; where the watch was ended here, no path is left.
            for path in self.paths.remove(&watch).unwrap_or_default() {
                self.watches.remove(&path);
                told.push(Told::At(path));
            }
            return Ok(());
        }
        let Some(name) = name.map(OsStr::from_bytes) else {
            return Ok(());
        };
        if is_hidden(name) {
            return Ok(());
        }
        for folder in self.paths.get(&watch).cloned().unwrap_or_default() {
            self.take_at(folder.join(name), kind, told)?;
        }
        Ok(())
    }

    fn take_at(&mut self, path: PathBuf, kind: ReadFlags, told: &mut Vec<Told>) -> io::Result<()> {
        let named =
            ReadFlags::CREATE | ReadFlags::DELETE | ReadFlags::MOVED_FROM | ReadFlags::MOVED_TO;
        let folder = kind.contains(ReadFlags::ISDIR);
        // A link to a folder comes and goes as a file does.
        let was_folder = self.watches.contains_key(&path);
        let is_folder = folder || (kind.intersects(named) && path.is_dir());
        if kind.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) && was_folder {
            self.forget_below(&path);
        }
        if is_folder && !kind.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
            self.watch_below(&path)?;
        }
        if is_folder || was_folder || is_image_path(&path) {
            told.push(Told::At(path));
        }
        Ok(())
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    /// Reads until something of which `wanted` holds was told; returns all that was.
    fn told(tree: &mut Tree, wanted: impl Fn(&Told) -> bool) -> Vec<Told> {
        let (mut told, started) = (Vec::new(), Instant::now());
        while !told.iter().any(&wanted) {
            assert!(started.elapsed() < Duration::from_secs(60), "{told:?}");
            let wait = Duration::from_millis(50);
            tree.read(wait, &mut told).expect("events");
        }
        told
    }

    fn at(path: PathBuf) -> impl Fn(&Told) -> bool {
        move |told| *told == Told::At(path.clone())
    }

    #[test]
    fn too_many_events_are_noticed() {
        let limit = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events");
        let limit: usize = limit
            .ok()
            .and_then(|limit| limit.trim().parse().ok())
            .unwrap_or(usize::MAX);
        if limit > 1 << 17 {
            return niteru_testkit::skip(
                "this system keeps too many events for a test to overflow them",
            );
        }
        let folder = tempfile::tempdir().expect("a folder");
        let mut tree = Tree::new(true).expect("inotify");
        tree.watch_below(folder.path()).expect("watches");
        // Two names in turn: equal events that follow each other are kept as one.
        let files = ["a.jpg", "b.jpg"].map(|name| folder.path().join(name));
        for i in 0..limit / 2 + 2 {
            std::fs::write(&files[i % 2], "text").expect("a file");
        }
        told(&mut tree, |told| *told == Told::Lost);
        // It goes on.
        let path = folder.path().join("later.jpg");
        std::fs::write(&path, "text").expect("a file");
        told(&mut tree, at(path));
    }

    #[test]
    fn folders_and_links_are_followed_where_they_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("old/deep")).expect("folders");
        std::fs::create_dir(root.join(".hidden")).expect("a folder");
        std::os::unix::fs::symlink(&root, root.join("old/loop")).expect("a link");
        let mut tree = Tree::new(true).expect("inotify");
        tree.watch_below(&root).expect("watches");
        let watched = |tree: &Tree| tree.watches.keys().cloned().collect::<Vec<_>>();
        assert_eq!(
            watched(&tree),
            [root.clone(), root.join("old"), root.join("old/deep")]
        );

        std::fs::rename(root.join("old"), root.join("new")).expect("renamed");
        let events = told(&mut tree, at(root.join("new")));
        assert!(events.contains(&Told::At(root.join("old"))), "{events:?}");
        assert_eq!(
            watched(&tree),
            [root.clone(), root.join("new"), root.join("new/deep")]
        );
        let path = root.join("new/deep/a.jpg");
        std::fs::write(&path, "text").expect("a file");
        told(&mut tree, at(path));

        std::os::unix::fs::symlink("new/deep", root.join("way")).expect("a link");
        told(&mut tree, at(root.join("way")));
        std::fs::write(root.join("new/deep/b.jpg"), "text").expect("a file");
        told(&mut tree, at(root.join("way/b.jpg")));
        std::fs::remove_file(root.join("way")).expect("removed");
        told(&mut tree, at(root.join("way")));
        std::fs::rename(root.join("new"), folder.path().join("outside")).expect("renamed");
        told(&mut tree, at(root.join("new")));
        assert_eq!(watched(&tree), [root]);
        assert_eq!(tree.paths.len(), 1);
    }

    #[test]
    fn links_are_left_alone_where_they_are_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (root, other) = (folder.path().join("root"), folder.path().join("other"));
        std::fs::create_dir_all(root.join("inner")).expect("folders");
        std::fs::create_dir_all(&other).expect("a folder");
        std::os::unix::fs::symlink(&other, root.join("before")).expect("a link");
        let mut tree = Tree::new(false).expect("inotify");
        tree.watch_below(&root).expect("watches");
        std::os::unix::fs::symlink(&other, root.join("after")).expect("a link");
        told(&mut tree, at(root.join("after")));
        let watched: Vec<_> = tree.watches.keys().cloned().collect();
        assert_eq!(watched, [root.clone(), root.join("inner")]);
        // A root that is a link is none.
        tree.watch_below(&root.join("before")).expect("no watches");
        assert_eq!(tree.watches.len(), 2);
    }
}
