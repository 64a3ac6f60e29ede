//! A WebSocket of ColonyOS's form, made of nothing but a socket: text frames there and back.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use colony_protocol::identity::SecretKey;
use serde_json::Value;

use crate::http::signed;

/// How long a frame may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Frames of these kinds are all that a server sends here.
const TEXT: u8 = 1;
const CLOSE: u8 = 8;

/// A connection to `GET /pubsub`.
#[derive(Debug)]
pub struct WebSocket {
    stream: BufReader<TcpStream>,
    /// What the server said when it agreed, header by header.
    pub head: Vec<String>,
}

/// What comes over it.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// A reply: the kind that it names, and the message in it.
    Reply(String, Value),
    /// Something went wrong: the status and what was said.
    Fault(u64, String),
    /// The server has said all.
    Close,
}

impl WebSocket {
    /// Connects to `http://host:port` as a page of `origin` does.
    ///
    /// # Panics
    /// If nobody is there, or who is there will not.
    #[must_use]
    pub fn connect(url: &str, origin: &str) -> Self {
        let host = url.trim_start_matches("http://");
        let stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream = BufReader::new(stream);
        let request = format!(
            "GET /pubsub HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        let head = head(&mut stream);
        assert!(head[0].contains(" 101 "), "{head:?}");
        Self { stream, head }
    }

    /// Signs a message and sends it.
    ///
    /// # Panics
    /// If the socket is broken.
    pub fn send(&mut self, message: &Value, key: &SecretKey) {
        let text = signed(message, key).to_string();
        let length = u16::try_from(text.len()).unwrap().to_be_bytes();
        // A mask of zeros leaves the bytes as they are.
        let head = [0x80 | TEXT, 0x80 | 126, length[0], length[1], 0, 0, 0, 0];
        self.stream.get_mut().write_all(&[&head[..], text.as_bytes()].concat()).unwrap();
    }

    /// The next frame.
    ///
    /// # Panics
    /// If none comes in time, or none that a client could read.
    pub fn frame(&mut self) -> Frame {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).unwrap();
        let length = match head[1] {
            126 => self.number::<2>(),
            127 => self.number::<8>(),
            short => usize::from(short),
        };
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        match head[0] & 0x0f {
            TEXT => reply(&body),
            CLOSE => Frame::Close,
            other => panic!("a frame of kind {other}"),
        }
    }

    fn number<const N: usize>(&mut self) -> usize {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte))
    }
}

/// The lines before an empty one.
fn head(stream: &mut BufReader<TcpStream>) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            return lines;
        }
        lines.push(line.trim().to_owned());
    }
}

fn reply(body: &[u8]) -> Frame {
    let body: Value = serde_json::from_slice(body).unwrap();
    let payload = data_encoding::BASE64.decode(body["payload"].as_str().unwrap().as_bytes()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    if body["error"] == true {
        let said = payload["message"].as_str().unwrap().to_owned();
        return Frame::Fault(payload["status"].as_u64().unwrap(), said);
    }
    Frame::Reply(body["payloadtype"].as_str().unwrap().to_owned(), payload)
}
