//! What is answered by a member that keeps no colony's state.
//!
//! It has nothing to tell anybody else, and says so in a way that sends askers elsewhere. To itself - whoever signs with
//! its key, from its own machine or network - it tells how it is doing: that is what a doctor in another process asks.
//!
//! What may never happen: a signature's work for somebody from the Internet.

use std::{
    future::ready,
    sync::{Arc, OnceLock},
};

use colony_protocol::{
    bounded::Text,
    identity::Identity,
    query::Query,
    refusal::Refusal,
    reply::{Answer, Response},
};

use super::{check, encode};
use crate::{
    net::{Caller, Handler, Handling, Subnet},
    node::Pulse,
    runtime::Runtime,
};

/// Bytes of a question after one's own health, with room to spare: larger requests are for somebody else.
const QUESTION_MAX: usize = 1024;

/// Answers for one member.
#[derive(Debug, Clone)]
pub(crate) struct Lone {
    me: Identity,
    /// Its account, once it has a place in the network.
    pulse: Arc<OnceLock<Pulse>>,
    runtime: Runtime,
}

impl Lone {
    /// One that does not know yet how it is doing.
    pub(crate) fn new(me: Identity, runtime: Runtime) -> Self {
        Self { me, pulse: Arc::default(), runtime }
    }

    /// This is where it is taken from how it is doing.
    pub(crate) fn feel(&self, pulse: Pulse) {
        // Once, when its network has started.
        self.pulse.set(pulse).ok();
    }

    fn answer(&self, request: Vec<u8>) -> Result<Response, Refusal> {
        let pulse = self.pulse.get().ok_or_else(nothing)?;
        let (by, opened) = check::open(request, |signature, digest| {
            signature.signer(digest).map(|signer| signer.identity())
        })?;
        if by != self.me {
            return Err(nothing());
        }
        let checked = check::body(by, opened, &self.me, self.runtime.now())?;
        match checked.ask {
            check::Ask::Stale(Query::Vitals) => Ok(Response::Answer(Answer::Vitals(Box::new(pulse.take())))),
            _ => Err(nothing()),
        }
    }
}

impl Handler for Lone {
    fn handle(&self, from: Arc<Caller>, request: Vec<u8>) -> Handling {
        if from.subnet() != Subnet::Near || request.len() > QUESTION_MAX {
            return Box::pin(ready(encode(&Err(nothing()))));
        }
        let lone = self.clone();
        Box::pin(async move {
            let runtime = lone.runtime.clone();
            let answered = runtime.compute(move || encode(&or_elsewhere(lone.answer(request))));
            answered.await.unwrap_or_else(|busy| encode(&Err(busy.into())))
        })
    }

    /// Whom it is connected with it chose itself: it keeps no state that would tell.
    fn is_member(&self, _who: &Identity) -> bool {
        true
    }

    fn overloaded(&self) -> Vec<u8> {
        encode(&Err(nothing()))
    }
}

/// What is wrong with a request that is for a colony's node is for such a node to say; but of clocks anybody can.
fn or_elsewhere(answer: Result<Response, Refusal>) -> Result<Response, Refusal> {
    match answer {
        Ok(answer) => Ok(answer),
        Err(clock @ Refusal::Clock { .. }) => Err(clock),
        Err(_) => Err(nothing()),
    }
}

fn nothing() -> Refusal {
    Refusal::Unavailable(Text::cut("this member keeps no colony's state; ask a node"))
}

#[cfg(test)]
mod tests {
    use colony_protocol::{
        bounded::{Bytes, List},
        envelope::{Body, RequestId, Signed},
        identity::SecretKey,
        query, rpc,
        time::Span,
    };

    use super::*;
    use crate::{net::PeerId, runtime::Tokio};

    fn question(runtime: &Runtime, key: &SecretKey, query: &Query) -> Vec<u8> {
        let body = Body {
            colony: SecretKey::derive(b"colony").identity(),
            kind: Text::cut(query::STALE_KIND),
            audience: SecretKey::derive(b"colony").identity(),
            request: RequestId::from_bytes([7; 16]),
            issued: runtime.now(),
            expires: runtime.now().after(Span::from_secs(30)),
            grants: List::default(),
            payload: Bytes::new(query.encode().unwrap()).unwrap(),
        };
        Signed::sign(&body, key).unwrap().to_bytes().unwrap()
    }

    #[tokio::test]
    async fn a_member_tells_itself_how_it_is_doing_and_nobody_else_anything() {
        let runtime = Runtime::new(Tokio::new());
        let (own, other) = (SecretKey::derive(b"own"), SecretKey::derive(b"other"));
        let me = own.identity();
        let lone = Lone::new(me, runtime.clone());
        let (near, far) = (
            Caller::stranger(PeerId::random(), Subnet::Near),
            Caller::stranger(PeerId::random(), Subnet::V4([192, 0, 2])),
        );
        let asked = |from: &Arc<Caller>, request: Vec<u8>| {
            let answer = lone.handle(Arc::clone(from), request);
            async move { rpc::decode_outcome(&answer.await).unwrap() }
        };
        let vitals = || question(&runtime, &own, &Query::Vitals);
        assert_eq!(asked(&near, vitals()).await, Err(nothing()), "it has no place in the network yet");
        lone.feel(Pulse::new(me, runtime.clone()));
        let Ok(Response::Answer(Answer::Vitals(told))) = asked(&near, vitals()).await else {
            panic!("it tells itself nothing");
        };
        assert_eq!(told.node, me);
        for refused in [
            asked(&far, vitals()).await,
            asked(&near, question(&runtime, &other, &Query::Vitals)).await,
            asked(&near, question(&runtime, &own, &Query::Members)).await,
            asked(&near, vec![0; QUESTION_MAX + 1]).await,
            asked(&near, vec![0; 9]).await,
        ] {
            assert_eq!(refused, Err(nothing()));
        }
    }
}
