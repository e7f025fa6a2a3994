//! The server's process: one thread a connection, bodies from memory.

use std::{
    collections::{HashMap, VecDeque},
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use anyhow::Result;

use super::{Limit, NOTES, Notes, Settings};
use crate::{clock, records::Page};

const TOKEN: &[u8] = br#"{"access_token":"bench","token_type":"Bearer","expires_in":3600}"#;

struct Shared {
    settings: Settings,
    ready: Vec<Mutex<Page>>,
    notes: Mutex<Notes>,
    /// When those requests arrived that count still, by path.
    counted: Mutex<HashMap<String, VecDeque<Duration>>>,
}

/// Serves until standard input ends: with the process that has started this one, whatever ends that.
pub(crate) fn serve(settings: &str) -> Result<()> {
    let settings: Settings = serde_json::from_str(settings)?;
    let (size, rows) = (settings.page_size, settings.rows());
    let ready = (0..settings.pages.min(settings.ready))
        .map(|page| Mutex::new(Page::new(page * size, size, rows)))
        .collect();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    let shared =
        Arc::new(Shared { settings, ready, notes: Mutex::default(), counted: Mutex::default() });
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            // A client that goes away ends its connection, which is no news.
            thread::spawn(move || answer_all(stream, &shared).ok());
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn answer_all(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(target) = read_request(&mut stream)? {
        answer(&target, clock::now(), stream.get_mut(), shared)?;
    }
    Ok(())
}

/// Reads a request to its end, and gives its target; nothing where the connection has ended.
fn read_request(stream: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().unwrap_or(0);
            }
            Some(_) => {}
            None => break,
        }
    }
    io::copy(&mut stream.take(length), &mut io::sink())?;
    Ok(Some(target))
}

fn answer(
    target: &str,
    arrived: Duration,
    stream: &mut TcpStream,
    shared: &Shared,
) -> io::Result<()> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path == NOTES {
        let notes = std::mem::take(&mut *held(&shared.notes));
        let notes = serde_json::to_vec(&notes).map_err(io::Error::other)?;
        return send(stream, "200 OK", &notes);
    }
    held(&shared.notes).first_request.get_or_insert(arrived);
    if path == "/token" {
        return send(stream, "200 OK", TOKEN);
    }
    let Some(page) = asked_page(path, query, &shared.settings) else {
        return send(stream, "404 Not Found", b"{}");
    };
    held(&shared.notes).first_page.get_or_insert(arrived);
    let admitted = shared.settings.limit.is_none_or(|limit| {
        admit(held(&shared.counted).entry(path.to_owned()).or_default(), arrived, limit)
    });
    // The latency that is asked for, no wait for anything.
    thread::sleep(shared.settings.latency);
    if !admitted {
        held(&shared.notes).refused += 1;
        return send(stream, "429 Too Many Requests\r\nretry-after: 1", b"{}");
    }
    let ready = usize::try_from(page % shared.settings.ready).ok();
    if let Some(ready) = ready.and_then(|ready| shared.ready.get(ready)) {
        let size = shared.settings.page_size;
        send(stream, "200 OK", held(ready).at(page * size))?;
    }
    let mut notes = held(&shared.notes);
    notes.pages += 1;
    notes.last_page = Some(clock::now());
    Ok(())
}

/// The page that is asked for, counted from 0, where the listing has it in this size.
fn asked_page(path: &str, query: &str, settings: &Settings) -> Option<u64> {
    let parameter = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).find_map(|(_, value)| value.parse::<u64>().ok())
    };
    let page = parameter("page")?.checked_sub(1)?;
    let known = path.starts_with("/v2/")
        && parameter("pageSize")? == settings.page_size
        && page < settings.pages;
    known.then_some(page)
}

/// Counts a request, unless the window that ends now is full.
fn admit(counted: &mut VecDeque<Duration>, now: Duration, limit: Limit) -> bool {
    while counted.front().is_some_and(|time| now.saturating_sub(*time) >= limit.per) {
        counted.pop_front();
    }
    let admitted = counted.len() < limit.requests;
    if admitted {
        counted.push_back(now);
    }
    admitted
}

fn send(stream: &mut TcpStream, status: &str, body: &[u8]) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}

/// What a mutex holds: no thread leaves it half changed.
fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
