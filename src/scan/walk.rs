//! Finds the audio files below a folder. Folders that cannot be read, links that lead in circles and links to nothing are
//! told, and do not end the walk.

use std::{
    collections::{HashSet, VecDeque},
    fs, io,
    path::{Path, PathBuf},
};

use super::{Container, Problem, ProblemKind};

/// An audio file, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Below the folder of the walk; what is no UTF-8 in it is replaced.
    pub relative: String,
    /// What its name promises.
    pub container: Container,
}

/// What lies below a folder.
#[derive(Debug, Default)]
pub struct Walked {
    /// Audio files, by path.
    pub files: Vec<AudioFile>,
    /// What could not be looked at.
    pub problems: Vec<Problem>,
    /// Files that are no audio.
    pub others: u64,
    /// Symbolic links that were not followed.
    pub links: u64,
}

/// Looks through `root` and everything below it. Symbolic links are followed only on request; each file then stands in the
/// result once, however many links lead to it.
pub fn walk(root: &Path, follow_links: bool) -> Walked {
    let mut walk = Walk { root, follow_links, seen: HashSet::new(), links: VecDeque::new(), found: Walked::default() };
    walk.folder(root.to_owned());
    // After everything that lies here by itself: a file is known by its own path before that of a link.
    while let Some(link) = walk.links.pop_front() {
        walk.link(&link);
    }
    walk.found.files.sort_by(|a, b| a.path.cmp(&b.path));
    walk.found
}

struct Walk<'a> {
    root: &'a Path,
    follow_links: bool,
    /// Folders and files by their real paths; filled only where links are followed.
    seen: HashSet<PathBuf>,
    links: VecDeque<PathBuf>,
    found: Walked,
}

impl Walk<'_> {
    fn folder(&mut self, start: PathBuf) {
        let mut left = vec![start];
        while let Some(folder) = left.pop() {
            if !self.is_new(&folder) {
                continue;
            }
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    self.problem(&folder, ProblemKind::Folder, &error);
                    continue;
                }
            };
            for entry in entries {
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(error) => {
                        self.problem(&folder, ProblemKind::Folder, &error);
                        break;
                    }
                };
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => left.push(path),
                    Ok(kind) if kind.is_file() => self.file(path),
                    Ok(kind) if kind.is_symlink() && self.follow_links => self.links.push_back(path),
                    Ok(kind) if kind.is_symlink() => self.found.links += 1,
                    // A pipe or a device: opening it might wait for ever.
                    Ok(_) => self.found.others += 1,
                    Err(error) => self.problem(&path, ProblemKind::Unreadable, &error),
                }
            }
        }
    }

    fn file(&mut self, path: PathBuf) {
        let Some(container) = Container::of(&path) else {
            self.found.others += 1;
            return;
        };
        if self.is_new(&path) {
            let relative = self.relative(&path);
            self.found.files.push(AudioFile { path, relative, container });
        }
    }

    fn link(&mut self, link: &Path) {
        let target = match fs::canonicalize(link) {
            Ok(target) => target,
            Err(error) => {
                let kind = if is_circle(&error) { ProblemKind::Loop } else { ProblemKind::Link };
                self.problem(link, kind, &error);
                return;
            }
        };
        if target.is_file() {
            self.file(link.to_owned());
        } else if target.is_dir() {
            let above = link.parent().and_then(|folder| fs::canonicalize(folder).ok());
            if above.is_some_and(|above| above.starts_with(&target)) {
                let detail = format!("it leads back to {}, which it lies in", target.display());
                self.found.problems.push(Problem { path: self.relative(link), kind: ProblemKind::Loop, detail });
            } else {
                self.folder(link.to_owned());
            }
        } else {
            self.found.others += 1;
        }
    }

    /// Whether this is met for the first time. Without following links, nothing can be met twice.
    fn is_new(&mut self, path: &Path) -> bool {
        if !self.follow_links {
            return true;
        }
        // What has no real path cannot be read either; reading it says why.
        fs::canonicalize(path).map_or(true, |real| self.seen.insert(real))
    }

    fn problem(&mut self, path: &Path, kind: ProblemKind, error: &io::Error) {
        self.found.problems.push(Problem { path: self.relative(path), kind, detail: error.to_string() });
    }

    fn relative(&self, path: &Path) -> String {
        let below = path.strip_prefix(self.root).unwrap_or(path);
        if below.as_os_str().is_empty() { ".".to_owned() } else { below.to_string_lossy().into_owned() }
    }
}

/// Whether links lead to each other in a circle.
fn is_circle(error: &io::Error) -> bool {
    // The kind has no stable name; Linux and macOS number it differently.
    #[cfg(target_os = "linux")]
    const TOO_MANY_LINKS: i32 = 40;
    #[cfg(not(target_os = "linux"))]
    const TOO_MANY_LINKS: i32 = 62;
    error.raw_os_error() == Some(TOO_MANY_LINKS)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(walked: &Walked) -> Vec<&str> {
        walked.files.iter().map(|file| file.relative.as_str()).collect()
    }

    fn library() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("a/b")).unwrap();
        for file in ["a/one.mp3", "a/b/two.flac", "a/b/cover.jpg"] {
            fs::write(root.join(file), "x").unwrap();
        }
        symlink(root, root.join("a/b/top")).unwrap();
        symlink("one.mp3", root.join("a/again.mp3")).unwrap();
        symlink("nowhere", root.join("a/dangling")).unwrap();
        symlink("y", root.join("x")).unwrap();
        symlink("x", root.join("y")).unwrap();
        folder
    }

    #[test]
    fn links_are_counted_and_not_followed() {
        let library = library();
        let walked = walk(library.path(), false);
        assert_eq!(names(&walked), ["a/b/two.flac", "a/one.mp3"]);
        assert_eq!((walked.links, walked.others), (5, 1));
        assert!(walked.problems.is_empty(), "{:?}", walked.problems);
    }

    #[test]
    fn followed_links_that_lead_in_a_circle_are_told_and_a_file_is_met_once() {
        let library = library();
        let walked = walk(library.path(), true);
        assert_eq!(names(&walked), ["a/b/two.flac", "a/one.mp3"]);
        let mut problems: Vec<(&str, ProblemKind)> =
            walked.problems.iter().map(|problem| (problem.path.as_str(), problem.kind)).collect();
        problems.sort_unstable();
        let expected = [
            ("a/b/top", ProblemKind::Loop),
            ("a/dangling", ProblemKind::Link),
            ("x", ProblemKind::Loop),
            ("y", ProblemKind::Loop),
        ];
        assert_eq!(problems, expected);
    }

    #[test]
    fn a_link_to_a_folder_elsewhere_is_followed() {
        let (library, elsewhere) = (library(), tempfile::tempdir().unwrap());
        fs::write(elsewhere.path().join("three.opus"), "x").unwrap();
        symlink(elsewhere.path(), library.path().join("other")).unwrap();
        assert_eq!(names(&walk(library.path(), true)), ["a/b/two.flac", "a/one.mp3", "other/three.opus"]);
    }
}
