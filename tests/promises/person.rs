//! Somebody in front of a browser: cookies, redirects, and the buttons of the issuer's pages.

use std::collections::BTreeMap;
use std::sync::Mutex;

use reqwest::{Response, StatusCode, header};
use url::Url;

use crate::world::World;

pub struct Person<'w> {
    world: &'w World,
    /// By name alone: ports share cookies, and the issuer's have other names.
    cookies: Mutex<BTreeMap<String, String>>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Page {
    pub status: StatusCode,
    pub url: Url,
    pub headers: header::HeaderMap,
    pub text: String,
}

impl Page {
    pub fn location(&self) -> Option<Url> {
        let location = match self.headers.get(header::LOCATION) {
            Some(location) => location.to_str().expect("a readable location").to_owned(),
            None => self.onward()?,
        };
        Some(self.url.join(&location).expect("a URL"))
    }

    /// Where a page takes the person by itself.
    fn onward(&self) -> Option<String> {
        let rest = self.text.split_once("http-equiv=\"refresh\" content=\"0;url=")?.1;
        Some(rest.split_once('"')?.0.replace("&#38;", "&"))
    }

    /// Whether the page says this.
    pub fn says(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// The value that proves a form of this page.
    pub fn csrf(&self) -> String {
        self.field("csrf").expect("a form with csrf")
    }

    /// The value of a hidden field.
    pub fn field(&self, name: &str) -> Option<String> {
        let begin = format!("name=\"{name}\" value=\"");
        let rest = &self.text[self.text.find(&begin)? + begin.len()..];
        Some(rest[..rest.find('"')?].to_owned())
    }
}

impl<'w> Person<'w> {
    pub fn new(world: &'w World) -> Self {
        Self { world, cookies: Mutex::new(BTreeMap::new()) }
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().expect("a lock").get(&self.whole(name)).cloned()
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().expect("a lock").insert(self.whole(name), value.to_owned());
    }

    /// The session's is called `attache` here; its own name holds the port.
    fn whole(&self, name: &str) -> String {
        if name == "attache" { self.session_cookie() } else { name.to_owned() }
    }

    /// The name of the session's cookie.
    pub fn session_cookie(&self) -> String {
        let port = Url::parse(&self.world.public_url).expect("a URL").port();
        format!("attache-{}", port.expect("a port of its own"))
    }

    /// One request, no redirect followed.
    pub async fn get(&self, url: &str) -> Page {
        let url = Url::parse(&self.absolute(url)).expect("a URL");
        self.send(self.world.http.get(url.clone()), url).await
    }

    pub async fn head(&self, url: &str) -> Page {
        let url = Url::parse(&self.absolute(url)).expect("a URL");
        self.send(self.world.http.head(url.clone()), url).await
    }

    /// A form of our own pages, as a browser sends it.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Page {
        let origin = Url::parse(&self.world.public_url).expect("a URL").origin().ascii_serialization();
        let headers = [("origin", origin.as_str()), ("sec-fetch-site", "same-origin")];
        self.post_with(path, form, &headers).await
    }

    pub async fn post_with(
        &self,
        path: &str,
        form: &[(&str, &str)],
        headers: &[(&'static str, &str)],
    ) -> Page {
        let url = Url::parse(&self.absolute(path)).expect("a URL");
        let mut request = self.world.http.post(url.clone()).form(form);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request, url).await
    }

    /// Presses a button of the issuer's page that this authorization URL leads to.
    pub async fn press(&self, authorize: &Url, name: &str, value: &str) -> Page {
        let url = Url::parse(&format!("{}authorize", self.world.issuer.url())).expect("a URL");
        let form = [("request", authorize.query().expect("a query")), (name, value)];
        self.send(self.world.http.post(url.clone()).form(&form), url).await
    }

    /// Follows redirects until there is a page.
    pub async fn follow(&self, mut page: Page) -> Page {
        for _ in 0..10 {
            let Some(next) = page.location() else { return page };
            page = self.get(next.as_str()).await;
        }
        panic!("redirected for ever: {}", page.url);
    }

    /// Signs in at the issuer as this subject, up to our callback's own redirect.
    pub async fn sign_in(&self, subject: &str) -> Page {
        let callback = self.sign_in_up_to_the_callback(subject, "/sign-in").await;
        let answer = self.get(callback.as_str()).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        answer
    }

    /// The address with which the issuer sends the browser back.
    pub async fn sign_in_up_to_the_callback(&self, subject: &str, path: &str) -> Url {
        let start = self.get(path).await;
        let authorize =
            start.location().unwrap_or_else(|| panic!("no redirect to the issuer: {}", start.text));
        self.agree(&authorize, subject).await
    }

    /// Chooses who signs in at the issuer, allows, and returns the address that leads back to us.
    pub async fn agree(&self, authorize: &Url, subject: &str) -> Url {
        let chosen = self.press(authorize, "person", subject).await;
        // The issuer goes straight back when consent was given before.
        if let Some(back) = chosen.location().filter(|url| url.as_str().starts_with(&self.world.public_url)) {
            return back;
        }
        let allowed = self.press(authorize, "decision", "allow").await;
        allowed.location().unwrap_or_else(|| panic!("the issuer did not send back: {}", allowed.text))
    }

    /// Opens the connect page and presses Continue: the issuer's authorization URL.
    pub async fn ask_to_connect(&self, path: &str) -> Url {
        let page = self.get(path).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let mut form = vec![("csrf".to_owned(), page.csrf())];
        for name in ["connection", "redirect_uri", "state"] {
            form.extend(page.field(name).map(|value| (name.to_owned(), value.replace("&#38;", "&"))));
        }
        let form: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let action = path.split('?').next().expect("a path");
        let answer = self.post(action, &form).await;
        answer.location().unwrap_or_else(|| panic!("no redirect to the issuer: {}", answer.text))
    }

    /// Everything up to the issuer's answer: the address of our callback.
    pub async fn consent(&self, path: &str, subject: &str) -> Url {
        let authorize = self.ask_to_connect(path).await;
        self.agree(&authorize, subject).await
    }

    /// Connects an app as the editor; the connection's id.
    pub async fn connect(&self, app: &str) -> String {
        self.connect_as(app, crate::world::EDITOR).await
    }

    pub async fn connect_as(&self, app: &str, subject: &str) -> String {
        let callback = self.consent(&format!("/connect/{app}"), subject).await;
        let answer = self.get(callback.as_str()).await;
        let location = answer.location().unwrap_or_else(|| panic!("not connected: {}", answer.text));
        let connected = location.query_pairs().find(|(name, _)| name == "connected").expect("an id");
        connected.1.into_owned()
    }

    /// Stops an app on its page.
    pub async fn stop(&self, connection: &str) -> Page {
        let path = format!("/account/connected-apps/{connection}");
        let page = self.get(&path).await;
        assert_eq!(page.status, 200, "{}", page.text);
        self.post(&format!("{path}/revoke"), &[("csrf", &page.csrf())]).await
    }

    fn absolute(&self, url: &str) -> String {
        if url.starts_with('/') { self.world.url(url) } else { url.to_owned() }
    }

    /// Says no on the issuer's page, and returns the address that leads back to us.
    pub async fn decline(&self, authorize: &Url, subject: &str) -> Url {
        self.press(authorize, "person", subject).await;
        let declined = self.press(authorize, "decision", "deny").await;
        declined.location().unwrap_or_else(|| panic!("the issuer did not send back: {}", declined.text))
    }

    /// Any request, with this browser's cookies.
    pub async fn send(&self, request: reqwest::RequestBuilder, url: Url) -> Page {
        let cookies: Vec<String> = {
            let cookies = self.cookies.lock().expect("a lock");
            cookies.iter().map(|(name, value)| format!("{name}={value}")).collect()
        };
        let answer = request.header(header::COOKIE, cookies.join("; ")).send().await.expect("an answer");
        self.keep_cookies(&answer);
        let (status, headers) = (answer.status(), answer.headers().clone());
        Page { status, url, headers, text: answer.text().await.expect("a text") }
    }

    fn keep_cookies(&self, answer: &Response) {
        let mut cookies = self.cookies.lock().expect("a lock");
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let text = cookie.to_str().expect("a readable cookie");
            let (name, value) =
                text.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            if text.contains("Max-Age=0") || value.is_empty() {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
