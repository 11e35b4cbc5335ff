//! The way out: by whose authorities, through which proxy, and what is said when there is no way.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use attache::clock::Clock;
use attache::config::Config;
use reqwest::Method;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::command_line::Place;
use crate::own_server::{free_port, run};

const NAME: &str = "issuer.example.test";

/// A server that speaks TLS, with a certificate for one name by an authority of its own.
struct Secure {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Secure {
    fn start(name: &str) -> Self {
        let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
        let openssl = |arguments: &str| {
            let mut command = Command::new("openssl");
            command.current_dir(folder.path()).args(arguments.split(' '));
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        run(&mut openssl(
            "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=authority -keyout ca.key -out ca.pem",
        ));
        run(&mut openssl(&format!(
            "req -newkey rsa:2048 -nodes -subj /CN=server -addext subjectAltName=DNS:{name} -keyout key.pem -out csr.pem"
        )));
        run(&mut openssl(
            "x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -copy_extensions copy -days 30 -out cert.pem",
        ));
        let serve = format!("s_server -accept 127.0.0.1:{port} -cert cert.pem -key key.pem -www -quiet");
        let child = openssl(&serve).spawn().expect("openssl");
        let server = Self { child, folder, port };
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed().as_secs() < 20, "openssl does not listen");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        server
    }

    fn authority(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }
}

/// The status of an answer, or what is said without one.
async fn asked(outbound: &str, url: &str) -> Result<u16, String> {
    let place = Place::new();
    let text = fs::read_to_string(place.path("attache.toml")).expect("a file");
    let at = text.find("[outbound]").expect("a section");
    let end = at + text[at..].find("[sign_in]").expect("the next one");
    let origins: Vec<&str> = text[at..end].split('"').filter(|part| part.starts_with("http")).collect();
    let outbound = outbound.replace("allow_origins = [", &format!("allow_origins = [\"{}\", ", origins[0]));
    let outbound = if outbound.contains("allow_origins") {
        outbound
    } else {
        format!("allow_origins = [\"{}\"]\n{outbound}", origins[0])
    };
    let text = format!("{}[outbound]\n{outbound}\n{}", &text[..at], &text[end..]);
    let config = Config::parse(&text, []).map_err(|faults| faults[0].to_string())?;
    let http = config.outbound.http(Clock::System)?;
    let url = Url::parse(url).expect("a URL");
    let request = http.request(Method::GET, &url).map_err(|fault| fault.to_string())?;
    http.send(request).await.map(|answer| answer.status).map_err(|fault| fault.to_string())
}

async fn refused(outbound: &str, url: &str, words: &str) {
    let said = asked(outbound, url).await.expect_err("no answer");
    assert!(said.contains(words), "no {words:?} in: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_connection_says_whether_it_was_the_name_the_port_the_certificate_or_a_private_address() {
    let server = Secure::start("localhost");
    let url = format!("https://localhost:{}/", server.port);
    let allowed = format!("allow_origins = [\"{url}\"]");
    let authority = format!("ca_file = \"{}\"", server.authority());
    assert_eq!(asked(&format!("{allowed}\n{authority}"), &url).await, Ok(200));
    refused(&allowed, &url, "authority that is not known here; outbound.ca_file").await;
    refused(&authority, &url, "leads to a private address").await;
    let by_address = format!("https://127.0.0.1:{}/", server.port);
    let named = format!("allow_origins = [\"{by_address}\"]\n{authority}");
    refused(&named, &by_address, "certificate is for another name").await;
    let nobody = format!("https://localhost:{}/", free_port());
    refused(&format!("allow_origins = [\"{nobody}\"]"), &nobody, "connection refused").await;
    refused("", "https://nowhere.invalid/", "name is not found").await;
    refused("ca_file = \"/nowhere/ca.pem\"", &url, "outbound.ca_file: /nowhere/ca.pem").await;
    refused("proxy = \"socks5://u:s3cret@p:1\"", &url, "outbound.proxy: must be http://").await;
}

/// Leads every CONNECT to one server, and counts them.
async fn proxy(to: u16) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let led = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&led);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let counting = Arc::clone(&counting);
            tokio::spawn(async move {
                let mut client = BufReader::new(client);
                let (mut asked, mut line) = (String::new(), String::new());
                while line != "\r\n" {
                    line.clear();
                    client.read_line(&mut line).await.expect("a head");
                    asked.push_str(&line);
                }
                if !asked.starts_with(&format!("CONNECT {NAME}:443 ")) {
                    let _ = client.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await;
                    return;
                }
                counting.fetch_add(1, Ordering::SeqCst);
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("an answer");
                let mut server = TcpStream::connect(("127.0.0.1", to)).await.expect("the server");
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (port, led)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_leads_out_but_for_the_exceptions_and_is_named_when_it_refuses() {
    let server = Secure::start(NAME);
    let (port, led) = proxy(server.port).await;
    let outbound = format!("ca_file = \"{}\"\nproxy = \"http://127.0.0.1:{port}\"", server.authority());
    let url = format!("https://{NAME}/");
    assert_eq!(asked(&outbound, &url).await, Ok(200));
    assert_eq!(led.load(Ordering::SeqCst), 1);
    refused(&outbound, "https://elsewhere.example.test/", "the proxy of outbound.proxy").await;
    let without = format!("{outbound}\nproxy_exceptions = [\"example.test\"]");
    refused(&without, &url, "name is not found").await;
    assert_eq!(led.load(Ordering::SeqCst), 1);
    // What is private by its own words is not gone to through a proxy either.
    refused(&outbound, "https://10.0.0.1/", "not a public https address").await;
}

#[test]
fn a_machine_without_certificates_is_a_sentence_and_no_panic() {
    let place = Place::new();
    for command in ["serve", "check"] {
        let empty = Path::new("/nowhere/at/all");
        let output =
            place.command(&[command]).env("SSL_CERT_FILE", empty).env("SSL_CERT_DIR", empty).output();
        let output = output.expect("an end");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{command}: {said}");
        assert!(said.contains("outbound.ca_file") && !said.contains("panicked"), "{command}: {said}");
    }
}
