//! What a database's first bytes tell before SQLite opens it: opening and closing a database may change the file, and leave
//! others beside it.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use super::{StoreError, lock::beside};

/// `MpqS`, the mark of this program's databases; the first migration sets it too.
pub(super) const APPLICATION_ID: u32 = 1_299_214_675;

/// How every SQLite file begins (<https://www.sqlite.org/fileformat.html>, section 1.3).
const SQLITE: &[u8] = b"SQLite format 3\0";

/// How long its header is.
const HEADER: u64 = 100;

/// How long a log's header is (section 4.1), and how it begins, but for the last bit.
const LOG_HEADER: u64 = 32;
const LOG_MAGIC: u32 = 0x377f_0682;

/// Makes sure that a file that is there is a database of this program, and as whole as its first bytes can tell.
///
/// # Errors
/// Where it is not, or cannot be read.
pub(super) fn make_sure_it_is_ours(path: &Path) -> Result<(), StoreError> {
    let read = |source| StoreError::Read { path: path.to_owned(), source };
    let header = match first(path, HEADER) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        header => header.map_err(read)?,
    };
    // There is nothing in it: one that is made just now, or that somebody has put there for us.
    if header.is_empty() {
        return Ok(());
    }
    if !header.starts_with(SQLITE) {
        return Err(StoreError::NotSqlite { path: path.to_owned() });
    }
    if header.len() > 71 && number(&header, 68) != APPLICATION_ID {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    let log = beside(path, "-wal");
    let log_header = first(&log, LOG_HEADER).unwrap_or_default();
    if is_stray(&header, &log_header) {
        return Err(StoreError::StrayLog { path: path.to_owned(), log });
    }
    // After the log was looked at: with an empty one, all that was in it is in the file by now.
    let length = fs::metadata(path).map_err(read)?.len();
    fault(&header, length, log_header.is_empty())
        .map_or(Ok(()), |found| Err(StoreError::Damaged { path: path.to_owned(), found }))
}

/// Whether there are no pages beside the file that belong into it.
pub(super) fn stands_alone(path: &Path) -> bool {
    ["-wal", "-journal"].iter().all(|suffix| {
        let length = fs::metadata(beside(path, suffix)).map_or(0, |found| found.len());
        length == 0
    })
}

fn first(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let mut header = Vec::new();
    File::open(path)?.take(bytes).read_to_end(&mut header)?;
    Ok(header)
}

/// The number of four bytes at a place.
fn number(header: &[u8], at: usize) -> u32 {
    header.iter().skip(at).take(4).fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// The size of the pages that a database's header states, as long as there can be such pages.
fn page_size(header: &[u8]) -> Option<u32> {
    let stated = number(header, 16) >> 16;
    let size = if stated == 1 { 65_536 } else { stated };
    (size >= 512 && size.is_power_of_two()).then_some(size)
}

/// Whether a log, by its first bytes, is another file's: SQLite would apply it all the same.
///
/// A database whose header does not say that it has a log gets that header before its log; a backup has none.
fn is_stray(header: &[u8], log: &[u8]) -> bool {
    let is_log = log.len() as u64 == LOG_HEADER && number(log, 0) & !1 == LOG_MAGIC;
    let has_log = header.get(18).is_some_and(|version| *version == 2);
    is_log && (!has_log || page_size(header).is_some_and(|size| size != number(log, 8)))
}

/// What is wrong with a database, as far as its header and its length tell.
fn fault(header: &[u8], length: u64, log_is_empty: bool) -> Option<String> {
    if (header.len() as u64) < HEADER {
        return Some(format!("it has {length} bytes, less than the header of a database"));
    }
    let Some(size) = page_size(header) else {
        return Some("its header states a size of pages that there cannot be".to_owned());
    };
    // Where the two differ, a version of SQLite before 3.7.0 has written to the file, and its size is not known.
    let is_known = number(header, 24) == number(header, 92);
    let stated = u64::from(number(header, 28)) * u64::from(size);
    // With a log that is not empty, a process may have ended while it copied the last pages into the file, or does so now.
    (log_is_empty && is_known && length < stated).then(|| {
        format!("it is cut off: it has {length} bytes of the {stated} that its header states")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a database of three pages, with a log.
    fn header(page_size: u16) -> Vec<u8> {
        let mut header = vec![0; 100];
        let mut put = |at: usize, bytes: &[u8]| {
            for (place, byte) in header.iter_mut().skip(at).zip(bytes) {
                *place = *byte;
            }
        };
        put(0, SQLITE);
        put(16, &page_size.to_be_bytes());
        put(18, &[2, 2]);
        put(24, &7_u32.to_be_bytes());
        put(28, &3_u32.to_be_bytes());
        put(92, &7_u32.to_be_bytes());
        header
    }

    fn log(page_size: u32) -> Vec<u8> {
        let mut log = [LOG_MAGIC | 1, 3_007_000, page_size].map(u32::to_be_bytes).concat();
        log.resize(32, 0);
        log
    }

    #[test]
    fn a_file_is_as_long_as_its_header_states() {
        let header = header(4096);
        assert_eq!(fault(&header, 3 * 4096, true), None);
        let cut = fault(&header, 3 * 4096 - 1, true);
        assert_eq!(
            cut.as_deref(),
            Some("it is cut off: it has 12287 bytes of the 12288 that its header states")
        );
        assert_eq!(fault(&header, 4096, false), None, "the rest may be in the log");
        let mut old = header;
        old.splice(92..96, [0; 4]);
        assert_eq!(fault(&old, 4096, true), None, "a number that is not kept up to date");
    }

    #[test]
    fn a_header_states_pages_that_there_can_be() {
        for (stated, size) in [(1, Some(65_536)), (512, Some(512)), (32_768, Some(32_768))] {
            assert_eq!(page_size(&header(stated)), size);
        }
        for stated in [0, 2, 256, 1000] {
            assert!(fault(&header(stated), 1 << 20, true).is_some(), "{stated}");
        }
        assert!(fault(&header(4096)[..99], 99, true).is_some());
    }

    #[test]
    fn a_log_is_told_from_another_files() {
        assert!(!is_stray(&header(4096), &log(4096)));
        assert!(is_stray(&header(4096), &log(1024)));
        let mut without_log = header(4096);
        without_log.splice(18..20, [1, 1]);
        assert!(is_stray(&without_log, &log(4096)));
        assert!(!is_stray(&without_log, &[]), "SQLite takes no notice of an empty one");
        assert!(!is_stray(&without_log, &[0; 32]), "nor of what is no log");
    }
}
