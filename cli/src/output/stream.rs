//! The two doors out: stdout for data, stderr for everything else.

use std::io::{self, Write as _};

use colony_protocol::model::LogStream;

use super::style;
use crate::error::{Exit, Failure};

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // Who reads our output has seen enough (`| head`): that is no failure, and nothing is left to say.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new("").exit(Exit::DONE);
        }
        Self::new(format!("cannot write output: {error}"))
    }
}

/// Prints data, with a line break at its end.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// Passes a program's output on as it came, to the stream it came from.
pub(crate) fn pass_through(stream: LogStream, text: &str) -> Result<(), Failure> {
    if stream == LogStream::Out {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        return Ok(out.flush()?);
    }
    let mut err = io::stderr().lock();
    err.write_all(text.as_bytes())?;
    // ColonyOS clients send notes without line breaks.
    if stream == LogStream::Note && !text.ends_with('\n') {
        err.write_all(b"\n")?;
    }
    Ok(())
}

/// Tells a person something. Nobody can be told when even stderr is gone, so that is ignored.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Tells a person why a command failed and what to do next; `flags` lead to the same colony.
pub(crate) fn report(failure: &Failure, flags: &[String]) {
    if !failure.what.is_empty() {
        note(&format!("{} {}", style::error("error:"), style::visible(&failure.what)));
    }
    if let Some(hint) = &failure.hint {
        note(&format!("{} {}", style::hint("hint:"), style::visible(&hint.sentence(flags))));
    }
}
