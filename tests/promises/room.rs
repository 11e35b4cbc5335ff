//! What clients may take of the room: connections from one address, and bodies that have begun to come. Whoever is one too
//! many is told when to come back, and nobody else pays for it.

use attache::edge::address::Prefix;
use attache::router;
use attache::server::Limits;
use rstest::rstest;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::sockets::{Http2, PATIENCE, is_served, read, routes, served, short, status, talk};
use crate::world::{Database, Postgres, Sqlite, World, until};

/// From an address of the loopback network.
async fn from(host: u8, to: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(format!("127.0.0.{host}:0").parse().expect("an address")).expect("a free port");
    socket.connect(to.parse().expect("an address")).await.expect("a connection")
}

fn patient() -> Limits {
    Limits { header: PATIENCE * 3, body: PATIENCE * 3, idle: PATIENCE * 3, ..short() }
}

const REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

#[tokio::test]
async fn one_address_has_so_many_connections_and_the_others_have_theirs() {
    let served = served(routes(), Limits { connections_per_address: 2, ..patient() }).await;
    let (one, two) = (from(1, &served.address).await, from(1, &served.address).await);
    let refused = talk(&served.address, "GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(status(&refused), Some("503"), "{refused}");
    assert!(refused.contains("retry-after: 1\r\n"), "{refused}");
    let mut other = from(2, &served.address).await;
    other.write_all(REQUEST).await.expect("a write");
    assert_eq!(status(&read(&mut other).await), Some("200"));
    drop(one);
    until("there is room again", async || is_served(&served.address).await).await;
    drop(two);
}

#[tokio::test]
async fn a_trusted_proxy_has_as_many_as_there_are() {
    let proxies = [Prefix::try_from("127.0.0.1".to_owned()).expect("a prefix")];
    let limits = Limits { connections_per_address: 1, trusted_proxies: proxies.into(), ..patient() };
    let served = served(routes(), limits).await;
    let kept = [from(1, &served.address).await, from(1, &served.address).await];
    assert!(is_served(&served.address).await);
    drop(kept);
}

/// Begins a request whose body never ends.
async fn begun(from_host: u8, to: &str, path: &str) -> TcpStream {
    let mut stream = from(from_host, to).await;
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\nx");
    stream.write_all(head.as_bytes()).await.expect("a write");
    stream
}

#[rstest]
#[tokio::test]
async fn unfinished_bodies_are_bounded_in_all_and_one_too_many_is_told_in_its_wires_own_form(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let limits = Limits { body_bytes: 64 * 1024, ..patient() };
    let served = served(router(world.broker.clone()), limits).await;
    let mut unfinished = Vec::new();
    for host in 1..=4 {
        for _ in 0..4 {
            unfinished.push(begun(host, &served.address, "/oauth/token").await);
        }
    }
    until("all of them wait", async || world.broker.load.receiving_now() == 16).await;
    for path in ["/api/apps.auth.external.get", "/oauth/token"] {
        let answer = read(&mut begun(5, &served.address, path).await).await;
        assert_eq!(status(&answer), Some("503"), "{path} {answer}");
        assert!(answer.contains("retry-after: 1\r\n"), "{path} {answer}");
        let body = answer.split_once("\r\n\r\n").expect("a body").1;
        let body: Value = serde_json::from_str(body).expect("JSON");
        let word = if path == "/oauth/token" { "temporarily_unavailable" } else { "service_unavailable" };
        assert_eq!(body["error"], word, "{path} {body}");
    }
    // What comes as a whole takes no room, and what was begun may end.
    let whole = world.http.post(format!("http://{}/api/apps.auth.external.get", served.address));
    assert_eq!(whole.form(&[("token", "x")]).send().await.expect("an answer").status(), 200);
    drop(unfinished);
    until("nobody waits", async || world.broker.load.receiving_now() == 0).await;
    let again = begun(5, &served.address, "/oauth/token").await;
    until("it is waited for", async || world.broker.load.receiving_now() == 1).await;
    drop(again);
}

#[tokio::test]
async fn one_address_leaves_room_for_the_bodies_of_others() {
    let world = World::new(Sqlite).await;
    let limits = Limits { body_bytes: 64 * 1024, ..patient() };
    let served = served(router(world.broker.clone()), limits).await;
    let mut client = Http2::connect(&served.address, &[]).await;
    for number in 0..20 {
        assert!(client.post(number * 2 + 1, "/oauth/token").await);
    }
    until("a quarter waits", async || world.broker.load.receiving_now() == 4).await;
    let other = begun(2, &served.address, "/oauth/token").await;
    until("another waits", async || world.broker.load.receiving_now() == 5).await;
    drop(other);
}
