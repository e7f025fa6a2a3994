//! The program under test: a folder with a configuration, and the real binary in it.

use std::{
    fmt::Write,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use rusqlite::{Connection as Database, OpenFlags, types::ValueRef};

use crate::child::{self, Cost};

/// How the program is told to ask.
pub(crate) struct Settings<'a> {
    /// Where the server listens.
    pub(crate) address: &'a str,
    /// Its endpoints; each is a table.
    pub(crate) endpoints: &'a [&'a str],
    /// Records of a page.
    pub(crate) page_size: u64,
    /// `[rate_limit]`, as it stands in the configuration.
    pub(crate) rate_limit: &'a str,
    /// When the daemon runs its job.
    pub(crate) schedule: &'a str,
}

/// A folder of its own, in which the program runs.
pub(crate) struct Sandbox {
    binary: PathBuf,
    folder: PathBuf,
}

impl Sandbox {
    /// A folder with a configuration and nothing else.
    pub(crate) fn new(binary: &Path, folder: PathBuf, settings: &Settings<'_>) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("config.toml"), configuration(settings)?)?;
        Ok(Self { binary: binary.to_owned(), folder })
    }

    /// The database's path.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.join("mapiq.db")
    }

    /// Removes the database, and what is beside it.
    pub(crate) fn remove_database(&self) -> Result<()> {
        remove_database(&self.database())
    }

    /// The binary in this folder, with the credentials and no other environment. What it prints goes to files.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs([("MAPIQ_CLIENT_ID", "bench"), ("MAPIQ_CLIENT_SECRET", "bench")])
            .stdin(Stdio::null())
            .stdout(File::create(self.folder.join("stdout"))?)
            .stderr(File::create(self.folder.join("stderr"))?);
        Ok(command)
    }

    /// Runs all jobs once, which must end with status 0.
    pub(crate) fn run_now(&self) -> Result<Cost> {
        let (status, cost) = child::measure(&mut self.command(&["--run-now"])?)?;
        if !status.success() {
            let stderr = fs::read_to_string(self.folder.join("stderr"))?;
            let last: Vec<&str> = stderr.lines().rev().take(5).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            bail!("the program ended with {status}:\n{}", last.join("\n"));
        }
        Ok(cost)
    }

    /// Fails where a table has not as many rows as the listing.
    pub(crate) fn expect_rows(&self, table: &str, rows: u64) -> Result<()> {
        let found = self.number(&format!("SELECT count(*) FROM {table}"))?;
        ensure!(found == rows, "{table} has {found} rows, not {rows}");
        Ok(())
    }

    /// A number that the database knows.
    pub(crate) fn number(&self, sql: &str) -> Result<u64> {
        let number: i64 = open(&self.database())?.query_row(sql, [], |row| row.get(0))?;
        Ok(u64::try_from(number)?)
    }
}

/// A digest of some columns of all reservations in a database, in the order of another.
pub(crate) fn digest(database: &Path, columns: &str, order: &str) -> Result<blake3::Hash> {
    let database = open(database)?;
    let sql = format!("SELECT {columns} FROM reservations ORDER BY {order}");
    let mut statement = database.prepare(&sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut digest = blake3::Hasher::new();
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            let (number, real);
            let (kind, bytes) = match row.get_ref(column)? {
                ValueRef::Null => (0, [].as_slice()),
                ValueRef::Integer(value) => {
                    number = value.to_le_bytes();
                    (1, number.as_slice())
                }
                ValueRef::Real(value) => {
                    real = value.to_le_bytes();
                    (2, real.as_slice())
                }
                ValueRef::Text(bytes) => (3, bytes),
                ValueRef::Blob(bytes) => (4, bytes),
            };
            digest.update(&[kind]).update(&bytes.len().to_le_bytes()).update(bytes);
        }
    }
    Ok(digest.finalize())
}

fn open(database: &Path) -> Result<Database> {
    Database::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .with_context(|| format!("cannot open {}", database.display()))
}

/// Removes a database, and what SQLite and the program keep beside it.
pub(crate) fn remove_database(database: &Path) -> Result<()> {
    let name = database.file_name().and_then(|name| name.to_str()).context("it has a name")?;
    for entry in fs::read_dir(database.parent().context("it lies in a folder")?)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|found| found.starts_with(name)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn configuration(settings: &Settings<'_>) -> Result<String> {
    let Settings { address, endpoints, page_size, rate_limit, schedule } = settings;
    let mut text = format!(
        "[api]\nbase_url = \"http://{address}\"\ntoken_url = \"http://{address}/token\"\n\
         [rate_limit]\n{rate_limit}\n"
    );
    for endpoint in *endpoints {
        write!(
            text,
            "[[endpoint]]\nname = \"{endpoint}\"\npath = \"/v2/{endpoint}\"\nkey = [\"id\"]\n\
             records = \"items\"\ntotal = \"totalCount\"\n\
             pagination = {{ style = \"page\", page_param = \"page\", size_param = \"pageSize\", \
             size = {page_size}, first = 1 }}\n"
        )?;
    }
    write!(
        text,
        "[[job]]\nname = \"all\"\nschedule = \"{schedule}\"\nendpoints = {endpoints:?}\n"
    )?;
    Ok(text)
}
