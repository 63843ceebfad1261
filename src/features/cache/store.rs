//! The tables of the cache and the SQL statements on them.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::Entry;
use crate::files::ContentHash;

/// The bytes per row besides its numbers and facts, with the index entry; a test compares this with a file.
pub(super) const ROW_OVERHEAD: u64 = 456;

/// The time to wait while another process holds the store.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// `used` is the day of the last use. A checksum covers the content hash, the cache key and the blob before it, because
/// SQLite has no checksums. The column `recipe` holds the cache key, under the name that the first caches gave it. The
/// facts come last, so that queries without them do not read their pages.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS features (
        content BLOB NOT NULL, recipe BLOB NOT NULL, used INTEGER NOT NULL, numbers BLOB NOT NULL,
        checksum BLOB NOT NULL, facts BLOB NOT NULL, facts_checksum BLOB NOT NULL, PRIMARY KEY (content, recipe));
    CREATE TABLE IF NOT EXISTS recipes (recipe BLOB PRIMARY KEY, text TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS checksums (path TEXT PRIMARY KEY, stamp TEXT NOT NULL, sha256 TEXT NOT NULL);";

/// The cached values of one photo.
pub(super) struct Row {
    pub(super) numbers: Vec<f32>,
    /// The serialised facts, if they were requested and match their checksum.
    pub(super) facts: Option<Vec<u8>>,
}

/// A connection to the store.
#[derive(Debug)]
pub(super) struct Store(Connection);

impl Store {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        // The mutex around the store replaces SQLite's own.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // With a write-ahead log, readers and a writer do not block each other and a commit does not wait for the disk:
        // a power cut can lose the newest rows, but not corrupt the file.
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.execute_batch(TABLES)?;
        Ok(Self(connection))
    }

    pub(super) fn get(
        &self,
        content: &ContentHash,
        key: [u8; 16],
        today: i64,
        with_facts: bool,
    ) -> rusqlite::Result<Option<Row>> {
        let select = if with_facts {
            "SELECT rowid, used, numbers, checksum, facts, facts_checksum FROM features WHERE content = ?1 AND recipe = ?2"
        } else {
            "SELECT rowid, used, numbers, checksum FROM features WHERE content = ?1 AND recipe = ?2"
        };
        let mut select = self.0.prepare_cached(select)?;
        let row = select.query_row(params![content.0, key], |row| {
            let (id, used): (i64, i64) = (row.get(0)?, row.get(1)?);
            let whole = |blob: usize| -> rusqlite::Result<Option<&[u8]>> {
                let bytes = row.get_ref(blob)?.as_blob()?;
                let is_whole = row.get_ref(blob + 1)?.as_blob()? == checksum(content, key, bytes);
                Ok(is_whole.then_some(bytes))
            };
            let facts = if with_facts { whole(4)?.map(<[u8]>::to_vec) } else { None };
            let numbers =
                whole(2)?.map(|bytes| bytes.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect());
            Ok((id, used, numbers.map(|numbers| Row { numbers, facts })))
        });
        let Some((id, used, row)) = row.optional()? else { return Ok(None) };
        if used != today {
            // At most once per row and day, or after the clock was set back. A read-only store works too.
            let _ = self.0.prepare_cached("UPDATE features SET used = ?1 WHERE rowid = ?2")?.execute([today, id]);
        }
        Ok(row)
    }

    pub(super) fn put(&mut self, key: [u8; 16], text: &str, entries: &[Entry<'_>], today: i64) -> rusqlite::Result<()> {
        let transaction = self.0.transaction()?;
        transaction
            .prepare_cached("INSERT OR IGNORE INTO recipes (recipe, text) VALUES (?1, ?2)")?
            .execute(params![key, text])?;
        for Entry { content, features, facts } in entries {
            let numbers: Vec<u8> = features.iter().flat_map(|feature| feature.to_le_bytes()).collect();
            let facts = facts.to_bytes();
            let [checksum, facts_checksum] = [&numbers, &facts].map(|bytes| checksum(content, key, bytes));
            transaction
                .prepare_cached("INSERT OR REPLACE INTO features VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
                .execute(params![content.0, key, today, numbers, checksum, facts, facts_checksum])?;
        }
        transaction.commit()
    }

    /// The text and the number of rows of every key.
    pub(super) fn keys(&mut self) -> rusqlite::Result<Vec<(String, u64)>> {
        let mut select = self.0.prepare(
            "SELECT COALESCE(text, ''), COUNT(*) AS rows FROM features LEFT JOIN recipes USING (recipe)
             GROUP BY recipe ORDER BY rows DESC, text",
        )?;
        select.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?.collect()
    }

    /// Deletes all rows except the most recently used ones that fit into `most` bytes, shrinks the file, and returns
    /// the number of deleted rows.
    pub(super) fn keep(&mut self, most: u64) -> rusqlite::Result<u64> {
        let [most, overhead] = [most, ROW_OVERHEAD].map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        let delete = "DELETE FROM features WHERE rowid IN (SELECT rowid FROM
            (SELECT rowid, SUM(LENGTH(numbers) + LENGTH(facts) + ?2) OVER (ORDER BY used DESC, rowid DESC) AS bytes
             FROM features) WHERE bytes > ?1)";
        let gone = self.0.execute(delete, [most, overhead])?;
        if most == 0 {
            self.0.execute_batch("DELETE FROM recipes; DELETE FROM checksums;")?;
        }
        self.0.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
        Ok(gone as u64)
    }

    pub(super) fn checksum(&self, path: &str, stamp: &str) -> rusqlite::Result<Option<String>> {
        let select = "SELECT sha256 FROM checksums WHERE path = ?1 AND stamp = ?2";
        self.0.query_row(select, [path, stamp], |row| row.get(0)).optional()
    }

    pub(super) fn remember_checksum(&self, path: &str, stamp: &str, sha256: &str) -> rusqlite::Result<()> {
        self.0.execute("INSERT OR REPLACE INTO checksums VALUES (?1, ?2, ?3)", [path, stamp, sha256]).map(drop)
    }
}

/// Whether an error means that the file is damaged, and not just inaccessible at the moment.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, message) => {
            matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
                // Another program's schema, or a schema text with flipped bits.
                || message.as_deref().is_some_and(|text| text.contains("no such") || text.contains("malformed"))
        }
        rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..) => true,
        _ => false,
    }
}

fn checksum(content: &ContentHash, key: [u8; 16], bytes: &[u8]) -> [u8; 8] {
    let digest: [u8; 32] =
        Sha256::new().chain_update(content.0).chain_update(key).chain_update(bytes).finalize().into();
    let mut first = [0; 8];
    first.copy_from_slice(digest.split_at(8).0);
    first
}
