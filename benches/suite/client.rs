//! A bare HTTP/1.1 client: one connection that is kept, one request at a time, bodies with a Content-Length.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use anyhow::{Context, Result, ensure};

/// A connection to the server.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Connection {
    /// Connects to an address such as `127.0.0.1:4711`.
    pub(crate) fn open(address: &str) -> Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("cannot reach {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), line: String::new(), body: Vec::new() })
    }

    /// Asks for a path, and reads the body of the answer into the memory of the last one.
    pub(crate) fn get(&mut self, path: &str) -> Result<&[u8]> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.read_line()?;
        ensure!(
            self.line.starts_with("HTTP/1.1 200 "),
            "{path} answers `{}`",
            self.line.trim_end()
        );
        let mut length = 0;
        loop {
            self.read_line()?;
            let line = self.line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().context("a length is a number")?;
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok(&self.body)
    }

    /// The body of the last answer.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    fn read_line(&mut self) -> Result<()> {
        self.line.clear();
        let read = self.stream.read_line(&mut self.line)?;
        ensure!(read > 0, "the server has closed the connection");
        Ok(())
    }
}

/// The path of a page of the listing.
pub(crate) fn page_path(page: u64, page_size: u64) -> String {
    format!("/v2/reservations?page={page}&pageSize={page_size}")
}

/// The process that only fetches: how fast the server is, for one who does nothing with the bodies.
pub(crate) fn fetch(address: &str, pages: u64, page_size: u64) -> Result<()> {
    let mut connection = Connection::open(address)?;
    for page in 1..=pages {
        connection.get(&page_path(page, page_size))?;
    }
    Ok(())
}
