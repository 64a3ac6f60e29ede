//! One request and its outcome on a substream of their own, for [`colony_protocol::rpc::RPC_PROTOCOL`].

use std::{io, sync::Arc};

use colony_protocol::rpc::{OUTCOME_MAX, REQUEST_MAX};
use futures::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use libp2p::{StreamProtocol, request_response};

use super::{
    budget::{Budget, Charge},
    frame::{self, FrameError, Header, Parser, Reader},
};
use crate::runtime::Runtime;

/// A request as it came off a substream.
#[derive(Debug)]
pub(crate) struct Request {
    /// The bytes; `None` if there was no memory for them.
    pub(crate) bytes: Option<Vec<u8>>,
    /// Holds the memory's share of the budget until the request is answered.
    pub(crate) charge: Charge,
}

/// Reads and writes frames, each within its time and its share of memory.
#[derive(Debug, Clone)]
pub(crate) struct Codec {
    budget: Arc<Budget>,
    runtime: Runtime,
}

impl Codec {
    /// A codec whose substreams share `budget`.
    pub(crate) fn new(budget: Arc<Budget>, runtime: Runtime) -> Self {
        Self { budget, runtime }
    }

    /// A request to send.
    pub(crate) fn request(&self, bytes: Vec<u8>) -> Request {
        Request { bytes: Some(bytes), charge: self.budget.open() }
    }

    async fn write<T>(&self, io: &mut T, bytes: &[u8], limit: usize) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let mut out = Vec::new();
        frame::put(&mut out, None, &[bytes], limit)?;
        let written = async {
            io.write_all(&out).await?;
            io.flush().await
        };
        let limit = frame::patience(out.len());
        self.runtime.timeout(limit, written).await.ok_or(FrameError::TooSlow)?
    }
}

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Request;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        let parser = Parser::new(Header::Length, REQUEST_MAX, Arc::clone(&self.budget));
        // Who opens a substream has something to say.
        let frame = Reader::eager(io, parser, self.runtime.clone()).next().await?.ok_or(FrameError::Cut)?;
        Ok(Request { bytes: frame.bytes, charge: frame.charge })
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        // The outcome may be a long poll away; the caller's own timeout bounds the wait for its first byte.
        let parser = Parser::new(Header::Length, OUTCOME_MAX, Arc::clone(&self.budget));
        let frame = Reader::new(io, parser, self.runtime.clone()).next().await?;
        frame.and_then(|frame| frame.bytes).ok_or_else(|| FrameError::Cut.into())
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Request) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.write(io, request.bytes.as_deref().unwrap_or_default(), REQUEST_MAX).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, outcome: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.write(io, &outcome, OUTCOME_MAX).await
    }
}
