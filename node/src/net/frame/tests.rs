//! Frames in pieces, too large, too slow, cut off.
#![expect(clippy::disallowed_methods, reason = "the peer's part, played on tokio's virtual time")]

use std::sync::Arc;

use futures::AsyncRead;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio_util::compat::TokioAsyncReadCompatExt as _;

use super::{parser::FIRST_STEP, *};
use crate::{
    net::budget::Budget,
    runtime::{Runtime, Tokio},
};

const LIMIT: usize = 1024 * 1024;

fn parser(budget: &Arc<Budget>) -> Parser {
    Parser::new(Header::Numbered, LIMIT, Arc::clone(budget))
}

fn frame(number: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, Some(number), &[bytes], LIMIT).unwrap();
    out
}

/// A reader and the other end of its connection.
fn reader() -> (Reader<impl AsyncRead + Unpin>, DuplexStream) {
    let (ours, theirs) = duplex(64);
    let parser = parser(&Budget::new(LIMIT));
    (Reader::new(ours.compat(), parser, Runtime::new(Tokio::new())), theirs)
}

#[test]
fn frames_are_found_however_the_bytes_arrive() {
    let sent: Vec<Vec<u8>> = vec![vec![], vec![1], vec![2; 5_000], vec![3; 70_000], vec![]];
    let bytes: Vec<u8> = sent.iter().zip(7..).flat_map(|(body, number)| frame(number, body)).collect();
    for step in [1, 2, 11, 12, 13, 4096, bytes.len()] {
        let budget = Budget::new(LIMIT);
        let mut parser = parser(&budget);
        let mut found = Vec::new();
        for mut piece in bytes.chunks(step) {
            while !piece.is_empty() {
                let (taken, frame) = parser.take(piece).unwrap();
                piece = &piece[taken..];
                found.extend(frame.map(|frame| (frame.number, frame.bytes.unwrap())));
            }
        }
        assert!(found == (7..).zip(sent.clone()).collect::<Vec<_>>(), "in pieces of {step}");
        assert_eq!(budget.used(), 0, "in pieces of {step}");
    }
}

#[test]
fn announced_bytes_cost_nothing() {
    let budget = Budget::new(LIMIT);
    // Above the limit: refused by its header alone.
    let mut above = parser(&budget);
    let header = [&u32::try_from(LIMIT + 1).unwrap().to_be_bytes()[..], &[0; 8]].concat();
    assert!(matches!(above.take(&header), Err(FrameError::TooLarge(..))));

    // Within the limit: memory grows with what arrives, at most twofold.
    let mut within = parser(&budget);
    let whole = frame(1, &[5; LIMIT]);
    let mut arrived = 0;
    for piece in whole[..300_000].chunks(1000) {
        within.take(piece).unwrap();
        arrived += piece.len();
        assert!(budget.used() <= FIRST_STEP + 2 * arrived, "{} for {arrived}", budget.used());
    }
    drop(within);
    assert_eq!(budget.used(), 0);
}

#[test]
fn without_memory_a_frame_is_skipped_and_the_next_one_read() {
    let budget = Budget::new(10_000);
    let mut parser = parser(&budget);
    let bytes = [frame(1, &[1; 50_000]), frame(2, b"small")].concat();
    let (taken, first) = parser.take(&bytes).unwrap();
    assert!(first.is_some_and(|frame| frame.number == 1 && frame.bytes.is_none()));
    assert_eq!(budget.used(), 0);
    let (_, second) = parser.take(&bytes[taken..]).unwrap();
    assert_eq!(second.unwrap().bytes.unwrap(), b"small");
}

#[tokio::test(start_paused = true)]
async fn a_byte_a_second_is_too_slow_but_silence_between_frames_is_not() {
    let (mut reader, mut theirs) = reader();
    let sender = tokio::spawn(async move {
        // Hours between frames are fine.
        for number in 1..=3 {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            theirs.write_all(&frame(number, b"hello")).await.unwrap();
        }
        for byte in frame(4, b"slow") {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if theirs.write_all(&[byte]).await.is_err() {
                return;
            }
        }
    });
    for number in 1..=3 {
        assert_eq!(reader.next().await.unwrap().unwrap().number, number);
    }
    assert!(matches!(reader.next().await, Err(FrameError::TooSlow)));
    drop(reader);
    sender.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_body_has_the_time_its_length_earns() {
    let (mut reader, mut theirs) = reader();
    let sender = tokio::spawn(async move {
        // Twice as fast as the slowest peer we wait for.
        for piece in frame(1, &[1; LIMIT]).chunks(32 * 1024) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            theirs.write_all(piece).await.unwrap();
        }
        // A quarter of the speed.
        for piece in frame(2, &[1; LIMIT]).chunks(4 * 1024) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if theirs.write_all(piece).await.is_err() {
                return;
            }
        }
    });
    assert_eq!(reader.next().await.unwrap().unwrap().bytes.unwrap().len(), LIMIT);
    assert!(matches!(reader.next().await, Err(FrameError::TooSlow)));
    drop(reader);
    sender.await.unwrap();
}

#[tokio::test]
async fn an_end_between_frames_differs_from_one_within() {
    for cut in [0, 1, 11, 12, 15] {
        let (mut reader, mut theirs) = reader();
        theirs.write_all(&frame(1, b"whole")).await.unwrap();
        theirs.write_all(&frame(2, b"half")[..cut]).await.unwrap();
        drop(theirs);
        assert_eq!(reader.next().await.unwrap().unwrap().number, 1);
        let end = reader.next().await;
        if cut == 0 {
            assert!(matches!(end, Ok(None)));
        } else {
            assert!(matches!(end, Err(FrameError::Cut)), "cut after {cut} bytes");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_given_up() {
    let runtime = Runtime::new(Tokio::new());
    let (ours, mut theirs) = duplex(64);
    let mut writer = Writer::new(ours.compat(), LIMIT, runtime.clone());
    writer.push(1, &[1; 10]).unwrap();
    while !writer.is_idle() {
        writer.progress().await.unwrap();
    }
    writer.push(2, &[2; 1000]).unwrap();
    let failed = loop {
        // Dropping the future in the middle loses neither bytes nor time.
        if let Some(Err(error)) = runtime.timeout(Duration::from_secs(1), writer.progress()).await {
            break error;
        }
    };
    assert!(matches!(failed, FrameError::TooSlow));
    let mut first = vec![0; NUMBERED + 10];
    theirs.read_exact(&mut first).await.unwrap();
    assert_eq!(first, frame(1, &[1; 10]));
}
