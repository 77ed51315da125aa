//! What is in a folder, and in those in it that belong to it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use niteru_imaging::is_image_path;

use super::photo::{Arrived, Stamp};

/// Which of the folders in a watched one belong to it.
#[derive(Debug, Clone, Default)]
pub(super) struct Reach {
    /// How many folders deep.
    pub(super) depth: usize,
    /// Folders that do not.
    pub(super) apart: Vec<PathBuf>,
}

/// A place in a folder. Joined, nothing would end in a separator.
pub(super) fn under(folder: &Path, at: &Path) -> PathBuf {
    match at.as_os_str().is_empty() {
        true => folder.to_path_buf(),
        false => folder.join(at),
    }
}

/// The photos that are in a folder now, and in those in it as far as they belong to it.
pub(super) fn photos_in(folder: &Path, reach: &Reach) -> io::Result<Vec<Arrived>> {
    let mut photos = Vec::new();
    let mut next = vec![PathBuf::new()];
    while let Some(at) = next.pop() {
        let (path, below) = (under(folder, &at), at.components().count());
        let listed = match list(&path, below, reach) {
            Ok(listed) => listed,
            Err(error) if below == 0 => return Err(error),
            // It has gone, or the watch tells.
            Err(_) => continue,
        };
        next.extend(listed.folders.iter().map(|name| at.join(name)));
        for path in listed.photos.iter().map(|name| path.join(name)) {
            if let Some(stamp) = Stamp::of_file(&path) {
                photos.push(Arrived {
                    path,
                    below,
                    stamp,
                    tries: 0,
                });
            }
        }
    }
    Ok(photos)
}

/// Names of what is in a folder.
pub(super) struct Listed {
    pub(super) photos: Vec<OsString>,
    /// Of those that belong to the watched one, in their order.
    pub(super) folders: Vec<OsString>,
}

/// The files with a photo's name and the folders that are in a folder now, which lies so many below the watched one.
/// Links to folders and what is hidden are left out; files may still be links, or anything.
pub(super) fn list(folder: &Path, level: usize, reach: &Reach) -> io::Result<Listed> {
    // The watched folder itself may be a link.
    if level > 0 && !folder.symlink_metadata()?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let (mut photos, mut folders) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if is_hidden(&name) {
            continue;
        }
        let is_photo = is_image_path(Path::new(&name));
        if level < reach.depth && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if !reach.apart.contains(&entry.path()) {
                folders.push(name);
            }
        } else if is_photo {
            photos.push(name);
        }
    }
    folders.sort();
    Ok(Listed { photos, folders })
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Whether another disk or a share begins at a folder.
#[cfg(unix)]
pub(super) fn is_mount(folder: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(folder.metadata()?.dev() != folder.join("..").metadata()?.dev())
}

/// Shares have letters or names of their own on this system, which go with them.
#[cfg(not(unix))]
pub(super) fn is_mount(_: &Path) -> io::Result<bool> {
    Ok(false)
}
