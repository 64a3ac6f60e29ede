//! That each kind of NAT does what its kind does. Whoever hears a datagram sees whence it came.

use std::{
    net::{SocketAddr, SocketAddrV4, UdpSocket},
    time::Duration,
};

use super::*;

/// A datagram crosses this in microseconds.
const HEARD: Duration = Duration::from_millis(300);
const PORT: u16 = 5_000;

fn socket(machine: &Machine) -> UdpSocket {
    let socket = machine.within(|| UdpSocket::bind(("0.0.0.0", PORT))).unwrap();
    socket.set_read_timeout(Some(HEARD)).unwrap();
    socket
}

/// Whence a word comes that is waiting to be heard, if any is.
fn heard(socket: &UdpSocket) -> Option<SocketAddrV4> {
    match socket.recv_from(&mut [0; 8]) {
        Ok((_, SocketAddr::V4(from))) => Some(from),
        _ => None,
    }
}

fn send(from: &UdpSocket, to: impl std::net::ToSocketAddrs) {
    // Where nothing leads there it is refused, which is what silence tells as well.
    let _ = from.send_to(b"word", to);
}

/// Where two strangers see a socket.
fn seen(socket: &UdpSocket, strangers: &[(UdpSocket, Ipv4Addr); 2]) -> [SocketAddrV4; 2] {
    strangers.each_ref().map(|(stranger, address)| {
        send(socket, (*address, PORT));
        heard(stranger).expect("nothing comes out of the home")
    })
}

#[test]
fn each_kind_of_nat_maps_and_filters_as_its_kind_does() {
    for nat in [Nat::FullCone, Nat::Cone, Nat::Symmetric] {
        let Some(mut internet) = Internet::new() else { return };
        let home = internet.behind(nat);
        let strangers = [internet.public(), internet.public()].map(|one| (socket(&one), one.address()));
        let inside = socket(&home);

        // Nobody has been sent anything: only a full cone lets strangers in.
        send(&strangers[0].0, (home.public_address(), PORT));
        assert_eq!(heard(&inside).is_some(), nat == Nat::FullCone, "{nat}: a stranger");

        let [one, other] = seen(&inside, &strangers);
        assert_eq!(*one.ip(), home.public_address(), "{nat}: the address outside");
        assert_eq!(one == other, nat != Nat::Symmetric, "{nat}: the mapping, {one} and {other}");

        // Who was sent something may answer.
        send(&strangers[0].0, one);
        assert_eq!(heard(&inside), Some(SocketAddrV4::new(strangers[0].1, PORT)), "{nat}: an answer");
    }
}

#[test]
fn a_hole_is_punched_between_cones_and_never_to_a_symmetric_nat() {
    for (one, other, works) in
        [(Nat::Cone, Nat::Cone, true), (Nat::Cone, Nat::Symmetric, false), (Nat::FullCone, Nat::Cone, true)]
    {
        let Some(mut internet) = Internet::new() else { return };
        let homes = [internet.behind(one), internet.behind(other)];
        let strangers = [internet.public(), internet.public()].map(|one| (socket(&one), one.address()));
        let sockets = homes.each_ref().map(socket);
        let outside = sockets.each_ref().map(|socket| seen(socket, &strangers)[0]);
        // The first may come before the hole is there; the second does not.
        for _ in 0..2 {
            send(&sockets[0], outside[1]);
            send(&sockets[1], outside[0]);
        }
        let both = heard(&sockets[0]).is_some() && heard(&sockets[1]).is_some();
        assert_eq!(both, works, "{one} and {other}");
    }
}

#[test]
fn a_machine_that_moved_is_not_where_it_was() {
    let Some(mut internet) = Internet::new() else { return };
    let (mut home, public) = (internet.behind(Nat::Cone), internet.public());
    let stranger = socket(&public);
    let before = socket(&home);
    send(&before, (public.address(), PORT));
    let from = heard(&stranger).expect("nothing comes out of the home");
    home.move_to(77);
    send(&stranger, from);
    assert_eq!(heard(&before), None);
    // It comes out under its new address.
    send(&before, (public.address(), PORT));
    assert!(heard(&stranger).is_some());
}
