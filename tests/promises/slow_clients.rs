//! Clients that dawdle: each costs one slot for a moment and nobody else anything, whichever way it dawdles.

use std::time::Duration;

use attache::server::Limits;
use rstest::rstest;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::sockets::{
    DATA, END_STREAM, GOAWAY, HEADERS, Http2, PATIENCE, PING, RST_STREAM, SHORT, connect, dribble, is_served,
    read, read_bytes, routes, served, short, status,
};

/// Far longer than what is on trial, so that only that can have ended the connection.
fn long() -> Limits {
    Limits { header: PATIENCE * 3, body: PATIENCE * 3, answer: PATIENCE * 3, idle: PATIENCE * 3, ..short() }
}

#[test]
fn nobody_who_dawdles_is_waited_for_longer_than_a_quarter_of_a_minute() {
    let Limits { header, body, answer, idle, .. } = Limits::default();
    for deadline in [header, body, answer, idle] {
        assert!(deadline <= Duration::from_secs(15), "{deadline:?}");
    }
}

#[rstest]
#[case::of_the_first_request("")]
#[case::of_a_later_request("GET / HTTP/1.1\r\nHost: x\r\n\r\n")]
#[tokio::test]
async fn a_header_sent_byte_by_byte_is_not_waited_for(#[case] before: &str) {
    let served = served(routes(), Limits { header: SHORT, ..long() }).await;
    let mut stream = connect(&served.address).await;
    stream.write_all(before.as_bytes()).await.expect("a write");
    stream.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").await.expect("a write");
    dribble(&mut stream, b"x").await;
    assert!(is_served(&served.address).await);
}

#[tokio::test]
async fn a_header_sent_frame_by_frame_is_not_waited_for() {
    let served = served(routes(), Limits { header: SHORT, ..long() }).await;
    let mut client = Http2::connect(&served.address, &[]).await;
    // A block of headers that never ends.
    assert!(client.send(HEADERS, END_STREAM, 1, &[0x82]).await);
    let continuation = [0, 0, 1, 9, 0, 0, 0, 0, 1, 0x86];
    dribble(&mut client.stream, &continuation).await;
    assert!(is_served(&served.address).await);
}

#[tokio::test]
async fn a_body_sent_byte_by_byte_is_not_waited_for() {
    let served = served(routes(), Limits { body: SHORT, ..long() }).await;
    let mut stream = connect(&served.address).await;
    stream
        .write_all(b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        .await
        .expect("a write");
    dribble(&mut stream, b"x").await;
    assert!(is_served(&served.address).await);
}

#[tokio::test]
async fn a_body_sent_frame_by_frame_is_not_waited_for_and_costs_no_other_stream_anything() {
    let served = served(routes(), Limits { body: SHORT, ..long() }).await;
    let mut client = Http2::connect(&served.address, &[]).await;
    assert!(client.post(1, "/read").await);
    let mut pause = tokio::time::interval(SHORT / 10);
    let begun = Instant::now();
    let answer = loop {
        assert!(client.send(DATA, 0, 1, b"x").await && begun.elapsed() < PATIENCE);
        let next = client.next_of(&[HEADERS, RST_STREAM]);
        tokio::select! {
            answer = next => break answer.expect("an answer"),
            _ = pause.tick() => {}
        }
    };
    assert_eq!((answer.kind, answer.stream), (HEADERS, 1));
    assert!(client.get(3, "/").await);
    while client.next_of(&[DATA]).await.expect("an answer").payload != b"hello" {}
}

#[tokio::test]
async fn a_client_that_takes_no_answer_is_not_waited_for() {
    let served = served(routes(), Limits { answer: SHORT, ..long() }).await;
    let mut stream = connect(&served.address).await;
    // More answers than all buffers between us hold, and not one of them read.
    let request = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    dribble(&mut stream, &request).await;
    assert!(is_served(&served.address).await);
}

#[tokio::test]
async fn an_answer_that_is_left_untaken_over_http_2_is_given_up_and_costs_no_other_stream_anything() {
    let served = served(routes(), Limits { answer: SHORT, ..long() }).await;
    // SETTINGS_INITIAL_WINDOW_SIZE: nothing may be sent to us, but what we ask for by and by.
    let mut client = Http2::connect(&served.address, &[(4, 0)]).await;
    assert!(client.get(1, "/large").await);
    let given_up = client.next_of(&[RST_STREAM, GOAWAY]).await.expect("a frame");
    assert_eq!((given_up.kind, given_up.stream), (RST_STREAM, 1));
    assert!(client.get(3, "/").await);
    let window_update = 8;
    assert!(client.send(window_update, 0, 3, &100_u32.to_be_bytes()).await);
    let answer = client.next_of(&[DATA]).await.expect("an answer");
    assert_eq!((answer.stream, answer.payload), (3, b"hello".to_vec()));
}

#[tokio::test]
async fn a_kept_connection_that_only_answers_pings_is_asked_to_end_and_then_ended() {
    let served = served(routes(), Limits { idle: SHORT, ..long() }).await;
    let mut client = Http2::connect(&served.address, &[]).await;
    assert!(client.get(1, "/").await);
    client.next_of(&[DATA]).await.expect("an answer");
    let pinging = async {
        let mut pause = tokio::time::interval(SHORT / 10);
        loop {
            tokio::select! {
                frame = client.next_of(&[GOAWAY]) => break frame,
                _ = pause.tick() => {}
            }
            assert!(client.send(PING, 0, 0, b"anybody?").await);
        }
    };
    let goodbye = tokio::time::timeout(PATIENCE, pinging).await.expect("an end");
    assert_eq!(goodbye.map(|frame| frame.kind), Some(GOAWAY));
    read_bytes(&mut client.stream).await;
}

#[tokio::test]
async fn a_client_that_does_not_hear_the_goodbye_is_let_go_all_the_same() {
    let served = served(routes(), Limits { idle: SHORT, ..long() }).await;
    let mut client = Http2::connect(&served.address, &[]).await;
    assert!(client.get(1, "/").await);
    // Says nothing from now on, not even to pings.
    read_bytes(&mut client.stream).await;
}

#[rstest]
#[case::http_1(false)]
#[case::http_2(true)]
#[tokio::test]
async fn a_running_request_is_not_cut_short_by_any_of_it(#[case] http2: bool) {
    let slow = axum::routing::get(|| async {
        tokio::time::sleep(SHORT * 5).await;
        "done at last"
    });
    let limits = Limits { request: PATIENCE, ..short() };
    let served = served(routes().route("/slow", slow), limits).await;
    if http2 {
        let mut client = Http2::connect(&served.address, &[]).await;
        assert!(client.get(1, "/slow").await);
        assert_eq!(client.next_of(&[DATA]).await.expect("an answer").payload, b"done at last");
        return;
    }
    let mut stream = connect(&served.address).await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("a write");
    let answer = read(&mut stream).await;
    assert!(status(&answer) == Some("200") && answer.ends_with("done at last"), "{answer}");
}

#[tokio::test]
async fn behind_a_proxy_one_connection_with_prior_knowledge_serves_many_streams() {
    let served = served(routes(), long()).await;
    let proxy = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().expect("a client");
    let url = format!("http://{}/", served.address);
    let requests = (0..50).map(|_| tokio::spawn(proxy.get(&url).send()));
    for answer in requests.collect::<Vec<_>>() {
        let answer = answer.await.expect("a task").expect("an answer");
        assert_eq!(answer.version(), reqwest::Version::HTTP_2);
        assert_eq!(answer.text().await.expect("text"), "hello");
    }
}

#[tokio::test]
async fn slow_clients_cost_their_own_slots_and_nobody_elses() {
    let served = served(routes(), Limits { connections: 60, ..long() }).await;
    let mut slow = Vec::new();
    for begun in [
        "",
        "GET / HT",
        "GET / HTTP/1.1\r\nX-Slow: ",
        "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ]
    .repeat(10)
    {
        let mut stream = connect(&served.address).await;
        stream.write_all(begun.as_bytes()).await.expect("a write");
        slow.push(stream);
    }
    for _ in 0..20 {
        assert!(is_served(&served.address).await);
    }
    drop(slow);
}

#[tokio::test]
async fn a_ping_without_a_request_opens_no_connection_for_good() {
    let served = served(routes(), Limits { header: SHORT, ..long() }).await;
    let mut client = Http2::connect(&served.address, &[]).await;
    let begun = Instant::now();
    let mut pause = tokio::time::interval(SHORT / 10);
    while client.send(PING, 0, 0, b"anybody?").await {
        assert!(begun.elapsed() < PATIENCE);
        pause.tick().await;
    }
}
