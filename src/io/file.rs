//! Files that are there as a whole or not at all.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Puts a file with these bytes in the place of the one at `path`, or, where something fails, leaves that one as it is.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = destination(path);
    let permissions = match fs::metadata(&target) {
        Ok(old) if !old.is_file() => {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "is there, and not a file"));
        }
        // What may not be written is not replaced, either.
        Ok(old) => File::options().write(true).open(&target).map(|_| Some(old.permissions()))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    // Beside it, since only within a file system is a file moved at once.
    let (mut file, beside) = create_in(target.parent().unwrap_or(Path::new("")))?;
    let write = || {
        permissions.map_or(Ok(()), |permissions| file.set_permissions(permissions))?;
        file.write_all(bytes)?;
        // Or the name could reach the disk before the numbers.
        file.sync_all()?;
        fs::rename(&beside, &target)
    };
    write().inspect_err(|_| {
        // What failed first is what the caller learns.
        let _ = fs::remove_file(&beside);
    })
}

/// Where a chain of links leads, to a file or to where none is yet; that it leads nowhere is told by what is asked of it.
fn destination(path: &Path) -> PathBuf {
    const LINKS: usize = 40; // as many as Linux follows
    let next = |path: &PathBuf| {
        let link = fs::read_link(path).ok()?;
        Some(path.parent().map_or(link.clone(), |folder| folder.join(&link)))
    };
    let chain = std::iter::successors(Some(path.to_path_buf()), next);
    chain.take(LINKS + 1).last().expect("the path itself is the first")
}

/// A new file, and its path.
fn create_in(folder: &Path) -> io::Result<(File, PathBuf)> {
    loop {
        // Keys of hashes are random.
        let number = RandomState::new().hash_one(std::process::id());
        let path = folder.join(format!(".autodiff-{number:016x}"));
        match File::options().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return Ok((result?, path)),
        }
    }
}
