//! This home's node, made from what the home says about it.

use std::{net::SocketAddr, path::Path};

use colony_node::{
    gateway::{Gateway, GatewayConfig, Kept, Memory},
    net::{Multiaddr, Tls},
    node::{ColonyConfig, Data, KnownPeer, Node, NodeConfig},
};
use colony_protocol::{
    bounded::{List, Text},
    identity::{Identity, SecretKey},
    model::member::{ADDRESSES_MAX, Addresses, Member, MemberKey},
};

use super::failure;
use crate::{
    app::App,
    args::{PlaceArgs, UpArgs},
    context::{Home, Joined, NodeFile, Peer, TlsFiles},
    error::Failure,
    place::{self, Place},
};

/// Whether a node can be met by others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Doors {
    /// It listens.
    Open,
    /// Only this process talks to it.
    Shut,
}

/// A running node and the home it is of.
#[derive(Debug)]
pub(in crate::commands) struct Host {
    /// The home.
    pub(in crate::commands) home: Home,
    /// What the home says about its node.
    pub(in crate::commands) file: NodeFile,
    /// The node's key.
    pub(in crate::commands) key: SecretKey,
    /// The node.
    pub(in crate::commands) node: Node,
}

impl Host {
    /// Starts the node with all colonies of the home, but for one that it must join anew, and remembers what was new about
    /// its place.
    pub(in crate::commands) async fn start(
        app: &App,
        asked: &UpArgs,
        doors: Doors,
        anew: Option<Identity>,
    ) -> Result<Self, Failure> {
        let home = app.home()?;
        let mut file = home.node()?;
        let key =
            home.key_or_new(&Home::node_key_path()?, || SecretKey::derive(&app.runtime.random::<32>()))?;
        let places = place::settle(&asked.place.listen, &file.listen, &app.runtime)?;
        file.listen = places.iter().map(ToString::to_string).collect();
        file.timing = asked.place.timing.unwrap_or(file.timing);
        let tls = secure(&asked.place, &mut file, &places)?;
        let listen = match doors {
            Doors::Open => places.iter().map(Place::address).collect::<Result<_, _>>()?,
            Doors::Shut => Vec::new(),
        };
        if listen.is_empty() && doors == Doors::Open {
            return Err(Failure::usage(
                "this machine has no address of the kind to listen at: --listen MULTIADDR",
            ));
        }
        let mut colonies: Vec<ColonyConfig> = file
            .colonies
            .values()
            .filter(|joined| Some(joined.colony_id) != anew && !joined.lost)
            .map(config)
            .collect::<Result<_, _>>()?;
        colonies.extend(made(&home)?);
        let config = NodeConfig {
            key: key.clone(),
            data: Data::Directory(home.data()),
            listen,
            relay: asked.place.relay,
            tls,
            timing: file.timing.into(),
            replace_after: asked.replace_after,
            log_kept: asked.log_kept,
            bootstrap: bootstrap(&asked.place.bootstrap)?,
            lab: asked.place.lab,
            colonies,
        };
        let started = Node::start(config, app.runtime.clone()).await;
        let node = started.map_err(|error| failure::of_start(error, &home, &file))?;
        home.write_node(&file)?;
        Ok(Self { home, file, key, node })
    }

    /// Opens the door for ColonyOS's clients, if one is asked for; with the certificate, if there is one.
    pub(in crate::commands) async fn open_gateway(
        &self,
        http: Option<SocketAddr>,
    ) -> Result<Option<Gateway>, Failure> {
        let Some(address) = http else { return Ok(None) };
        let tls = self.file.tls.as_ref().map(|TlsFiles { certificate, key }| Tls::read(certificate, key));
        let tls = tls.transpose().map_err(|error| Failure::usage(error.to_string()))?;
        let home = self.home.clone();
        let memory = Memory::new(move |kept| remember(&home, kept).map_err(|failure| failure.to_string()));
        let config = GatewayConfig { address, tls, memory: Some(memory) };
        let opened = self.node.open_gateway(config).await;
        opened.map(Some).map_err(|error| Failure::caused(&error))
    }

    /// Its addresses as others can dial them.
    pub(in crate::commands) fn addresses(&self) -> Addresses {
        as_texts(&self.node.reached_at().borrow())
    }
}

/// The colonies that this node has made for others.
fn made(home: &Home) -> Result<Vec<ColonyConfig>, Failure> {
    let id = |id: &String| {
        let id = id.parse().map_err(|error| Failure::usage(format!("made.toml: {id} is no id: {error}")))?;
        Ok(ColonyConfig { id, found: None, peers: Vec::new() })
    };
    home.made()?.colonies.keys().map(id).collect()
}

/// Remembers what became of a colony through the door.
fn remember(home: &Home, kept: &Kept) -> Result<(), Failure> {
    let mut made = home.made()?;
    match kept {
        Kept::Made { id, name } => made.colonies.insert(id.to_hex(), name.to_string()),
        Kept::Forgotten(id) => made.colonies.remove(&id.to_hex()),
    };
    Ok(home.write_made(&made)?)
}

fn bootstrap(asked: &[String]) -> Result<Vec<Multiaddr>, Failure> {
    let address = |text: &String| {
        text.parse().map_err(|error| {
            let why =
                format!("--bootstrap {text}: {error}; an address is of the form /ip4/192.0.2.1/tcp/50082");
            Failure::usage(why)
        })
    };
    asked.iter().map(address).collect()
}

/// As many addresses as the colony takes.
pub(super) fn as_texts(addresses: &[Multiaddr]) -> Addresses {
    let texts = addresses.iter().map(|address| Text::cut(&address.to_string()));
    List::new(texts.take(ADDRESSES_MAX).collect()).unwrap_or_default()
}

/// The certificate to show at the places that need one, from the files named now or last time.
pub(in crate::commands) fn secure(
    asked: &PlaceArgs,
    file: &mut NodeFile,
    places: &[Place],
) -> Result<Option<Tls>, Failure> {
    if let (Some(certificate), Some(key)) = (&asked.tls_cert, &asked.tls_key) {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        file.tls = Some(TlsFiles { certificate: absolute(certificate), key: absolute(key) });
    }
    let Some(place) = places.iter().find(|place| place.is_secure()) else { return Ok(None) };
    let Some(TlsFiles { certificate, key }) = &file.tls else {
        return Err(Failure::usage(format!(
            "--listen {place}: /tls/ws needs a certificate: --tls-cert FILE --tls-key FILE"
        )));
    };
    Tls::read(certificate, key).map(Some).map_err(|error| Failure::usage(error.to_string()))
}

/// What the node is told about a colony of the home.
pub(in crate::commands) fn config(joined: &Joined) -> Result<ColonyConfig, Failure> {
    let peers = joined.peers.iter().map(known).collect::<Option<_>>();
    let peers = peers.ok_or_else(|| {
        Failure::usage(format!(
            "node.toml names a peer of {} whose key is not a public key in hex",
            joined.colony
        ))
    })?;
    Ok(ColonyConfig { id: joined.colony_id, found: None, peers })
}

fn known(peer: &Peer) -> Option<KnownPeer> {
    let key = MemberKey::try_from(&*hex::decode(&peer.key).ok()?).ok()?;
    let addresses = peer.addresses.iter().filter_map(|address| address.parse::<Multiaddr>().ok()).collect();
    Some(KnownPeer { key, addresses })
}

/// A node of a colony, as the home remembers it.
pub(in crate::commands) fn peer(member: &Member) -> Peer {
    Peer {
        key: member.key.to_string(),
        addresses: member.addresses.iter().map(ToString::to_string).collect(),
    }
}
