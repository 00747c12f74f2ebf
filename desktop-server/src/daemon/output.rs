//! What an instance prints, kept in a file of bounded size.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;

/// Bytes after which a log begins anew; the older part is kept under the same name with `.1` added.
const MAX_LOG: u64 = 4 << 20;

/// A log that holds between one and two times `limit` bytes of what came last.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    file: File,
    length: u64,
    limit: u64,
}

impl Log {
    fn create(path: &Path, limit: u64) -> io::Result<Self> {
        let file = File::options().create(true).write(true).truncate(true).mode(0o600).open(path)?;
        Ok(Self { path: path.to_owned(), file, length: 0, limit })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.length >= self.limit {
            fs::rename(&self.path, self.path.with_added_extension("1"))?;
            *self = Self::create(&self.path, self.limit)?;
        }
        self.length += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

/// Copies what comes through the pipe to a log at `path`, until all who can print have ended.
///
/// # Errors
/// The log cannot be made.
pub(super) fn keep(output: io::PipeReader, path: &Path) -> io::Result<()> {
    let _ = fs::remove_file(path.with_added_extension("1"));
    let mut log = Log::create(path, MAX_LOG)?;
    let mut output = pipe::Receiver::from_owned_fd(output.into())?;
    tokio::spawn(async move {
        let mut chunk = vec![0; 16 << 10];
        while let Ok(count @ 1..) = output.read(&mut chunk).await {
            // A full disk loses lines, not the instance.
            if let Err(error) = log.write(&chunk[..count]) {
                tracing::warn!("{}: {error}", log.path.display());
            }
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        let mut log = Log::create(&path, 100).unwrap();
        for number in 0..1000 {
            log.write(format!("{number}\n").as_bytes()).unwrap();
        }
        let (older, newer) =
            (fs::read_to_string(path.with_added_extension("1")).unwrap(), fs::read_to_string(&path).unwrap());
        assert!(older.len() + newer.len() < 220);
        assert!((older + &newer).ends_with("998\n999\n"));
    }
}
