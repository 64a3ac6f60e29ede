//! A client of ColonyOS's HTTP form, made of nothing but a socket: what it sends is what a test says, byte for byte.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use colony_protocol::identity::{Digest, SecretKey};
use serde_json::{Value, json};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to `POST /api`.
#[derive(Debug)]
pub struct Api {
    stream: BufReader<TcpStream>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Whether the envelope says that something went wrong.
    pub error: bool,
    /// The message in the envelope.
    pub payload: Value,
}

/// The request for a message, signed.
#[must_use]
pub fn signed(message: &Value, key: &SecretKey) -> Value {
    let payload = base64(message.to_string().as_bytes());
    let signature = key.sign(&Digest::of(&[payload.as_bytes()])).to_hex();
    json!({"payloadtype": message["msgtype"], "payload": payload, "signature": signature})
}

/// Base64 with padding, as the clients write it.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    data_encoding::BASE64.encode(bytes)
}

impl Api {
    /// Connects to `http://host:port`.
    ///
    /// # Panics
    /// If nobody is there.
    #[must_use]
    pub fn connect(url: &str) -> Self {
        let stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Signs a message, sends it and reads the reply.
    ///
    /// # Panics
    /// If no reply comes, or none that a client could read.
    pub fn call(&mut self, message: &Value, key: &SecretKey) -> Reply {
        self.post(signed(message, key).to_string().as_bytes())
    }

    /// Sends any bytes as the body of a request.
    ///
    /// # Panics
    /// As [`Self::call`].
    pub fn post(&mut self, body: &[u8]) -> Reply {
        let head = format!("POST /api HTTP/1.1\r\nhost: colony\r\ncontent-length: {}\r\n\r\n", body.len());
        let socket = self.stream.get_mut();
        socket.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no HTTP: {line:?}"));
        let mut length = 0;
        loop {
            let mut header = String::new();
            self.stream.read_line(&mut header).unwrap();
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
            if header.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        Reply::read(status, &body)
    }
}

impl Reply {
    /// Opens the envelope that came with a status.
    ///
    /// # Panics
    /// If it is none that a client could read.
    #[must_use]
    pub fn read(status: u16, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body)
            .unwrap_or_else(|error| panic!("{status}: {error}: {}", String::from_utf8_lossy(body)));
        let payload = data_encoding::BASE64.decode(body["payload"].as_str().unwrap().as_bytes()).unwrap();
        Self {
            status,
            error: body["error"].as_bool().unwrap(),
            payload: serde_json::from_slice(&payload).unwrap(),
        }
    }
}
