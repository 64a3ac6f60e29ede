//! The envelope of ColonyOS: `{"payloadtype", "payload", "signature"}` in, `{"payloadtype", "payload", "error"}` out.
//!
//! The payload is a JSON text in base64, and the signature is over that base64, as it stands.

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::Fault;
use crate::{
    bounded::Text,
    identity::{Digest, SIGNATURE_LEN, Signature},
    model::json::read::Field,
};

/// Most bytes of a request: a workflow of some thousand nodes.
pub const BODY_MAX: usize = 4 * 1024 * 1024;
/// Most bytes of a request that says something in a channel: the largest message there is, as the clients for Python and
/// TypeScript write it, five characters a byte (`255, `), in base64.
pub const LARGE_BODY_MAX: usize = 68 * 1024 * 1024;
/// The one kind of request that may be larger than [`BODY_MAX`].
const SAYS: &str = "channelappendmsg";
/// The recovery ids that ColonyOS's own library takes; the upper bits say nothing.
const RECOVERY_MAX: u8 = 7;

/// A request, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rpc {
    /// What kind of message it says it is.
    pub kind: Text<128>,
    /// The message in base64, as it was signed.
    pub payload: Text<LARGE_BODY_MAX>,
    /// The signature in hex; empty where none is needed.
    signature: Text<256>,
    /// The payload's hash.
    digest: Digest,
}

impl Rpc {
    /// Reads a request.
    ///
    /// # Errors
    /// [`Fault`] if it is none.
    pub fn parse(body: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(body).map_err(|_| Fault::bad("the request is not UTF-8"))?;
        let document = Field::lenient(text)?;
        if !document.is_object() {
            return Err(document.expected("an object").into());
        }
        let mut object = document.object()?;
        let kind: Text<128> = object.read(&["payloadtype"])?;
        if body.len() > BODY_MAX && kind.as_str() != SAYS {
            return Err(Fault::new(413, format!("the request is larger than {BODY_MAX} bytes")));
        }
        let payload: Text<LARGE_BODY_MAX> = object.read(&["payload"])?;
        let signature = object.read(&["signature"])?;
        let digest = Digest::of(&[payload.as_bytes()]);
        Ok(Self { kind, payload, signature, digest })
    }

    /// Whether anybody may send this, without a signature.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.kind.as_str(), "versionmsg" | "getserverinfomsg")
    }

    /// The signature.
    ///
    /// # Errors
    /// [`Fault`] 403 if it is none.
    pub fn signature(&self) -> Result<Signature, Fault> {
        let hex = self.signature.as_str();
        if hex.len() != 2 * SIGNATURE_LEN {
            return Err(Fault::denied("Invalid signature length"));
        }
        let mut bytes = [0; SIGNATURE_LEN];
        hex::decode_to_slice(hex, &mut bytes)
            .map_err(|error| Fault::denied(format!("the signature is not hex: {error}")))?;
        if let Some(recovery) = bytes.last_mut() {
            if *recovery > RECOVERY_MAX {
                return Err(Fault::denied(
                    "Failed to recover public key: the recovery code is not in the valid range",
                ));
            }
            *recovery &= 3;
        }
        Ok(Signature(bytes))
    }

    /// What was signed.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The message.
    ///
    /// # Errors
    /// [`Fault`] 400 if it is not JSON in base64.
    pub fn message(&self) -> Result<String, Fault> {
        message(&self.payload)
    }
}

pub(super) fn message(payload: &str) -> Result<String, Fault> {
    let bytes = BASE64
        .decode(payload.as_bytes())
        .map_err(|error| Fault::bad(format!("the payload is not base64: {error}")))?;
    String::from_utf8(bytes).map_err(|_| Fault::bad("the message is not UTF-8"))
}

/// A reply's text.
#[must_use]
pub fn reply(kind: &str, value: &Value) -> String {
    enclose(kind, value, false)
}

/// The text of a reply that says what went wrong. It goes with the fault's HTTP status.
#[must_use]
pub fn fault_reply(fault: &Fault) -> String {
    enclose("error", &json!({"status": fault.status, "message": fault.message}), true)
}

fn enclose(kind: &str, value: &Value, error: bool) -> String {
    let payload = BASE64.encode(value.to_string().as_bytes());
    let kind = Value::from(kind);
    format!(r#"{{"payloadtype":{kind},"payload":"{payload}","error":{error}}}"#)
}
