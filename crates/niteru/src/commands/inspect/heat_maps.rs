//! Heat maps as files.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use niteru_imaging::{HeatMap, HeatScale, Picture};

use crate::report::write_whole;

/// A folder with heat maps. Their names are those of the photos, numbered where a name was given already.
///
/// Which photo a name was given to is known over runs by a line in a file of the folder, so that the same photo gets
/// its name again and no other takes it.
pub(super) struct HeatMaps {
    /// Photos by names, in small letters: some file systems tell no case.
    taken: HashMap<String, String>,
    list: PathBuf,
    folder: PathBuf,
}

/// The file of a folder with heat maps that says which is whose: a name, a tab, a photo a line.
const LIST: &str = "photos.tsv";

impl HeatMaps {
    /// Makes the folder, if there is none.
    pub(super) fn in_folder(folder: &Path) -> Result<HeatMaps> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let list = folder.join(LIST);
        let known = match std::fs::read_to_string(&list) {
            Ok(known) => known,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", list.display()));
            }
        };
        let pairs = known.lines().filter_map(|line| line.split_once('\t'));
        Ok(HeatMaps {
            taken: pairs
                .map(|(name, photo)| (name.to_lowercase(), photo.to_owned()))
                .collect(),
            list,
            folder: folder.to_path_buf(),
        })
    }

    /// Writes a heat map over its photo and, beside it, as 16-bit grey numbers; returns the former's path.
    pub(super) fn write(
        &mut self,
        path: &Path,
        heat: &HeatMap,
        photo: &Picture,
        scale: HeatScale,
    ) -> Result<PathBuf> {
        let name = self.name(path)?;
        let [overlay, raw] = files(&self.folder, &name);
        write_whole(&overlay, &heat.overlay(photo, scale).to_png()?)?;
        write_whole(&raw, &heat.to_png16(scale)?)?;
        Ok(overlay)
    }

    /// The name for a photo's heat map.
    fn name(&mut self, photo: &Path) -> Result<String> {
        let stem = photo.file_stem().unwrap_or(photo.as_os_str());
        let stem = stem.to_string_lossy().into_owned();
        // One line for each photo, whatever is in its path.
        let photo = photo
            .to_string_lossy()
            .replace(['\n', '\r', '\t'], "\u{fffd}");
        let numbered = (2..).map(|number: u32| format!("{stem}-{number}"));
        for name in std::iter::once(stem.clone()).chain(numbered) {
            match self.taken.get(&name.to_lowercase()) {
                Some(of) if *of == photo => return Ok(name),
                Some(_) => {}
                // A file that no line tells of is another's, too.
                None if files(&self.folder, &name).iter().any(|file| file.exists()) => {}
                None => {
                    self.note(&name, &photo)?;
                    return Ok(name);
                }
            }
        }
        bail!("{}: no name is left for a heat map", self.folder.display())
    }

    fn note(&mut self, name: &str, photo: &str) -> Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.list)
            .with_context(|| format!("cannot write {}", self.list.display()))?;
        writeln!(
            file,
            "{}\t{photo}",
            name.replace(['\n', '\r', '\t'], "\u{fffd}")
        )
        .with_context(|| format!("cannot write {}", self.list.display()))?;
        self.taken.insert(name.to_lowercase(), photo.to_owned());
        Ok(())
    }
}

/// Where the heat map of this name is, over its photo and as numbers.
fn files(folder: &Path, name: &str) -> [PathBuf; 2] {
    ["heat.png", "heat16.png"].map(|kind| folder.join(format!("{name}.{kind}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_photo_takes_the_heat_map_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let photo = Picture::from_rgb(4, 4, vec![9; 48]).unwrap();
        let heat = HeatMap::new(1, 1, vec![1.0]).unwrap();
        let scale = HeatScale::new(0.0, 1.0).unwrap();
        std::fs::write(folder.path().join("old.heat.png"), "of somebody").unwrap();
        let mut names = Vec::new();
        // As of two runs into the folder; the last photo is the first one again.
        for run in [
            ["a/one.png", "b/one.png", "a/old.png"],
            ["b/ONE.png", "b/one.png", "a/one.png"],
        ] {
            let mut maps = HeatMaps::in_folder(folder.path()).unwrap();
            for path in run {
                let file = maps.write(Path::new(path), &heat, &photo, scale).unwrap();
                names.push(file.file_name().unwrap().to_str().unwrap().to_owned());
            }
        }
        assert_eq!(
            names,
            [
                "one.heat.png",
                "one-2.heat.png",
                "old-2.heat.png",
                "ONE-3.heat.png",
                "one-2.heat.png",
                "one.heat.png"
            ]
        );
        let old = std::fs::read_to_string(folder.path().join("old.heat.png"));
        assert_eq!(old.unwrap(), "of somebody");
    }
}
