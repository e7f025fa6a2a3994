//! Connections that can be made to end before their time, and that all end when the server does.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    time::{Sleep, sleep},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::faults::CutEnd;

/// What the kernel has not yet delivered is lost with a reset: so long it gets before one.
const DELIVERY: Duration = Duration::from_millis(20);

/// The end of a response's head.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// A listener whose connections end with the server.
pub(crate) struct Connections {
    pub(crate) listener: TcpListener,
    pub(crate) stop: CancellationToken,
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Only slower without: a page's last packet would wait for an acknowledgement.
        stream.set_nodelay(true).ok();
        let stopped = Box::pin(self.stop.clone().cancelled_owned());
        (Connection { stream, stopped, wire: Wire::default(), progress: Progress::Whole }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A handle to one connection, for whoever answers a request on it.
#[derive(Clone, Default)]
pub(crate) struct Wire(Arc<Mutex<Option<Cut>>>);

/// Where and how a response ends before its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// After so many bytes of the body; nothing means before the first byte of the head.
    pub(crate) after: Option<usize>,
    pub(crate) end: CutEnd,
}

impl Wire {
    /// Cuts the response that is sent next.
    pub(crate) fn cut(&self, cut: Cut) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(cut);
    }

    fn take(&self) -> Option<Cut> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Connected<IncomingStream<'_, Connections>> for Wire {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Self {
        stream.io().wire.clone()
    }
}

/// A connection to a client.
pub(crate) struct Connection {
    stream: TcpStream,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
    wire: Wire,
    progress: Progress,
}

/// How far a response may go.
enum Progress {
    /// To its end.
    Whole,
    /// To a cut.
    Towards(Allowance),
    /// All that may be sent is; the kernel is delivering it.
    Delivering { end: CutEnd, delivered: Pin<Box<Sleep>> },
}

/// How much of a response may still be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Allowance {
    /// How much of [`HEAD_END`] the latest bytes are; nothing once the head has ended.
    head: Option<usize>,
    /// So many bytes of the body.
    body: usize,
    end: CutEnd,
}

impl Allowance {
    fn of(cut: Cut) -> Self {
        let head = cut.after.is_some().then_some(0);
        Self { head, body: cut.after.unwrap_or(0), end: cut.end }
    }

    /// How many of these bytes may be sent.
    fn covers(mut self, bytes: &[u8]) -> usize {
        bytes.iter().take_while(|byte| self.spend(**byte)).count()
    }

    /// Counts bytes that were sent.
    fn spend_all(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.spend(*byte);
        }
    }

    /// Counts a byte, if it may be sent.
    fn spend(&mut self, byte: u8) -> bool {
        if let Some(matched) = self.head {
            let matched = if HEAD_END.get(matched) == Some(&byte) {
                matched + 1
            } else {
                usize::from(byte == b'\r')
            };
            self.head = (matched < HEAD_END.len()).then_some(matched);
            return true;
        }
        let is_allowed = self.body > 0;
        self.body = self.body.saturating_sub(1);
        is_allowed
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.stopped.as_mut().poll(context).is_ready() {
            // As if the client had gone: whatever is under way for it ends.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if let Some(cut) = this.wire.take() {
            this.progress = Progress::Towards(Allowance::of(cut));
        }
        if let Progress::Towards(allowance) = &mut this.progress {
            let allowed = allowance.covers(bytes);
            if let Some(allowed) = bytes.get(..allowed).filter(|allowed| !allowed.is_empty()) {
                let sent = ready!(Pin::new(&mut this.stream).poll_write(context, allowed))?;
                allowance.spend_all(allowed.get(..sent).unwrap_or_default());
                return Poll::Ready(Ok(sent));
            }
            let (end, delivered) = (allowance.end, Box::pin(sleep(DELIVERY)));
            this.progress = Progress::Delivering { end, delivered };
        }
        if let Progress::Delivering { end, delivered } = &mut this.progress {
            ready!(delivered.as_mut().poll(context));
            if *end == CutEnd::Reset {
                this.stream.set_zero_linger()?;
            }
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        if written.is_pending() && this.stopped.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabcdef";
    const HEAD: usize = RESPONSE.len() - 6;

    fn allowance(after: Option<usize>) -> Allowance {
        Allowance::of(Cut { after, end: CutEnd::Reset })
    }

    #[test]
    fn a_cut_lies_so_many_bytes_after_the_head() {
        assert_eq!(allowance(None).covers(RESPONSE), 0);
        assert_eq!(allowance(Some(0)).covers(RESPONSE), HEAD);
        assert_eq!(allowance(Some(3)).covers(RESPONSE), HEAD + 3);
        assert_eq!(allowance(Some(9)).covers(RESPONSE), RESPONSE.len());
    }

    #[test]
    fn a_cut_lies_at_the_same_place_however_the_response_is_sent() {
        for pieces in 1..RESPONSE.len() {
            let mut allowance = allowance(Some(3));
            let mut sent = 0;
            for piece in RESPONSE.chunks(pieces) {
                let covered = allowance.covers(piece);
                allowance
                    .spend_all(piece.get(..covered).expect("it covers no more than it is given"));
                sent += covered;
            }
            assert_eq!(sent, HEAD + 3, "in pieces of {pieces}");
        }
    }
}
