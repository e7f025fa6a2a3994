//! The body that answers a request for a listing.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::stream;

use super::{
    churn::Kept,
    data::{Data, Endpoint, Selection},
    json::Writer,
    query::{Cursors, Part, next_query},
};

/// Ample for what stands around the records.
const ENVELOPE_BYTES: usize = 512;

/// So many records of a whole listing are written at once: one of millions takes no more memory than that.
const RECORDS_AT_ONCE: u64 = 500;

/// What a listing is made from.
pub(crate) struct Listing {
    pub(crate) endpoint: Endpoint,
    pub(crate) records: Records,
    pub(crate) cursors: Cursors,
    /// Whether the body says how many records there are.
    pub(crate) total: bool,
}

/// The records of a listing, and which of them stands where.
pub(crate) enum Records {
    /// Those that follow from the time, each at its index.
    Computed(Arc<Data>, Arc<Selection>),
    /// Those of a listing that changes between requests, each at its place.
    Kept(Kept),
}

impl Records {
    /// How many there are.
    pub(crate) fn total(&self) -> u64 {
        match self {
            Self::Computed(_, selection) => selection.total(),
            Self::Kept(kept) => kept.total(),
        }
    }

    /// The index of the record that stands at `rank`; the end, if there is none.
    fn index_of(&self, rank: u64) -> u64 {
        match self {
            Self::Computed(data, selection) => selection.index_of(data, rank),
            Self::Kept(kept) => kept.place_of(rank),
        }
    }

    /// Writes up to `count` records from an index on, and tells the index of the next, if there is one.
    fn write(&self, from: u64, count: u64, out: &mut Writer) -> Option<u64> {
        match self {
            Self::Computed(data, selection) => selection.write(data, from, count, out),
            Self::Kept(kept) => kept.write(from, count, out),
        }
    }
}

/// An answer with some records.
pub(crate) struct Page {
    pub(crate) body: Body,
    /// The URL for the `Link` header.
    pub(crate) link: Option<String>,
}

impl Listing {
    /// The answer with this part. `address` is the URL of the listing without its query, `query` that of the request.
    pub(crate) fn answer(self, part: Part, address: &str, query: &str) -> Page {
        let next_url =
            |index| format!("{address}?{}", next_query(query, &self.cursors.encode(index)));
        let mut link = None;
        let body = match part {
            Part::Whole => return Page { body: self.whole(), link },
            Part::Page { number, size } => {
                let index = self.records.index_of((number - 1).saturating_mul(size));
                self.envelope(index, size, |out, _| out.key("page").number(number))
            }
            Part::Offset { offset, size } => {
                let index = self.records.index_of(offset);
                self.envelope(index, size, |out, _| out.key("offset").number(offset))
            }
            Part::Cursor { index, size } => self.envelope(index, size, |out, next| match next {
                Some(next) => out.key("nextCursor").text(&self.cursors.encode(next)),
                None => out.key("nextCursor").null(),
            }),
            Part::NextUrl { index, size } => self.envelope(index, size, |out, next| match next {
                Some(next) => out.key("nextUrl").text(&next_url(next)),
                None => out.key("nextUrl").null(),
            }),
            Part::Link { index, size } => {
                let mut out = self.writer(size);
                let mut next = None;
                out.array(|out| next = self.records.write(index, size, out));
                link = next.map(next_url);
                out.into_bytes()
            }
        };
        Page { body: Body::from(body), link }
    }

    /// An object with the records, their number, and what `rest` adds, which is told the index of the next.
    fn envelope(
        &self,
        index: u64,
        size: u64,
        rest: impl FnOnce(&mut Writer, Option<u64>),
    ) -> Vec<u8> {
        let mut out = self.writer(size);
        out.object(|out| {
            let mut next = None;
            out.key("items").array(|out| next = self.records.write(index, size, out));
            if self.total {
                out.key("totalCount").number(self.records.total());
            }
            rest(out, next);
        });
        out.into_bytes()
    }

    fn writer(&self, size: u64) -> Writer {
        let records = size.min(self.records.total());
        Writer::with_capacity(Data::room_for(self.endpoint, records) + ENVELOPE_BYTES)
    }

    /// An array of all records, made as it is read.
    fn whole(self) -> Body {
        let pieces = stream::unfold((self, Piece::From(0)), |(listing, piece)| async move {
            let Piece::From(index) = piece else { return None };
            let mut out = listing.writer(RECORDS_AT_ONCE);
            let next = listing.records.write(index, RECORDS_AT_ONCE, &mut out);
            let mut text = out.into_bytes();
            text.insert(0, if index == 0 { b'[' } else { b',' });
            if next.is_none() {
                text.push(b']');
            }
            let rest = next.map_or(Piece::End, Piece::From);
            Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), (listing, rest)))
        });
        Body::from_stream(pieces)
    }
}

/// What is still to be written.
enum Piece {
    From(u64),
    End,
}
