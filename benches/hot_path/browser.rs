//! The person who owns most connections, signed in over HTTP at the sandbox issuer, and the addresses of their pages.
//! Knows no mark's form: a place deep in the list is read from a link that the server wrote.

use std::collections::BTreeMap;

use attache::clock::Clock;
use attache::sandbox::issuer;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Response, redirect};
use tokio::net::TcpListener;
use url::Url;

use crate::broker::local;
use crate::fault::{Fault, refuse};
use crate::seed::owner_subject;

/// Serves the sign-in issuer on the runtime it is called in.
pub async fn start_issuer() -> Result<issuer::Issuer, Fault> {
    let listener = TcpListener::bind(local(0)).await?;
    Ok(issuer::start(listener, issuer::Settings::default(), Clock::System).await)
}

pub struct Browser {
    http: Client,
    public_url: String,
    /// By name.
    cookies: BTreeMap<String, String>,
}

/// Two pages of the owner's list.
pub struct Pages {
    pub cookie: String,
    pub first: String,
    pub deep: String,
}

impl Browser {
    /// Signs the owner in.
    pub async fn sign_in(public_url: &str, issuer: &issuer::Issuer) -> Result<Self, Fault> {
        issuer.add_client(issuer::Client::new(
            "attache",
            "sign-in-s3cret",
            &format!("{public_url}/sign-in/callback"),
        ));
        let http = Client::builder().no_proxy().redirect(redirect::Policy::none()).build()?;
        let mut browser = Self { http, public_url: public_url.to_owned(), cookies: BTreeMap::new() };
        let start = browser.get(&format!("{public_url}/sign-in")).await?;
        let authorize = location(&start, issuer.url())?;
        let mut back = browser.press(&authorize, "person", &owner_subject()).await?;
        if !back.status().is_redirection() {
            back = browser.press(&authorize, "decision", "allow").await?;
        }
        let callback = location(&back, issuer.url())?;
        let answer = browser.get(callback.as_str()).await?;
        if !answer.status().is_redirection() {
            return refuse(format!(
                "the sign-in was answered with {}: {}",
                answer.status(),
                answer.text().await?
            ));
        }
        Ok(browser)
    }

    /// The first page of the list, and one that is deep in it.
    pub async fn pages(&mut self) -> Result<Pages, Fault> {
        let list = "/account/connected-apps";
        // The marker app's page ends where the deep one begins: its link names the place, whatever its form.
        let marked = self.get(&format!("{}{list}?q=marker", self.public_url)).await?;
        let text = marked.text().await?;
        let link = text.split('"').find(|part| part.starts_with(list) && part.contains("after="));
        let Some(link) = link else { return refuse("the page of the marker app has no link to more") };
        let link = Url::parse(&self.public_url)?.join(&link.replace("&amp;", "&").replace("&#38;", "&"))?;
        let mut deep = link.clone();
        deep.query_pairs_mut().clear().extend_pairs(link.query_pairs().filter(|(name, _)| name != "q"));
        let query = deep.query().unwrap_or_default();
        Ok(Pages { cookie: self.cookie_header(), first: list.to_owned(), deep: format!("{list}?{query}") })
    }

    async fn get(&mut self, url: &str) -> Result<Response, Fault> {
        let answer = self.http.get(url).header(COOKIE, self.cookie_header()).send().await?;
        self.keep_cookies(&answer);
        Ok(answer)
    }

    /// Presses a button of the sandbox issuer's page.
    async fn press(&mut self, authorize: &Url, name: &str, value: &str) -> Result<Response, Fault> {
        let url = authorize.join("/authorize")?;
        let form = [("request", authorize.query().unwrap_or_default()), (name, value)];
        let answer = self.http.post(url).header(COOKIE, self.cookie_header()).form(&form).send().await?;
        self.keep_cookies(&answer);
        Ok(answer)
    }

    fn cookie_header(&self) -> String {
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn keep_cookies(&mut self, answer: &Response) {
        let set = answer.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        for (name, value) in set.filter_map(|text| text.split(';').next()?.split_once('=')) {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

fn location(answer: &Response, base: &str) -> Result<Url, Fault> {
    let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    match location {
        Some(location) => Ok(Url::parse(base)?.join(location)?),
        None => refuse(format!("{} was not answered with a redirect", answer.url())),
    }
}
