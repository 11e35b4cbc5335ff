//! `[outbound]`: how we call issuers and content platforms.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Certificate, NoProxy, Proxy};
use serde::Deserialize;
use url::Url;

use super::fault::ConfigFault;
use crate::clock::Clock;
use crate::issuer::egress::{Egress, Way};
use crate::issuer::http::Http;
use crate::secret::Token;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outbound {
    /// Origins that may be plain http or resolve to a private address. For development.
    pub allow_origins: Vec<Url>,
    /// Seconds a call may take in all.
    pub deadline_seconds: u64,
    /// Certificates of authorities that are believed beside the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// What stood in `ca_file`.
    #[serde(skip)]
    authorities: Vec<Certificate>,
    /// Where there is no other way out; may hold a password.
    pub proxy: Option<Token>,
    /// Hosts, domains with what is below them, and prefixes of addresses, to which we go without the proxy.
    pub proxy_exceptions: Vec<String>,
}

impl Default for Outbound {
    fn default() -> Self {
        Self {
            allow_origins: Vec::new(),
            deadline_seconds: 10,
            ca_file: None,
            authorities: Vec::new(),
            proxy: None,
            proxy_exceptions: Vec::new(),
        }
    }
}

impl Outbound {
    /// The client that calls go by.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn http(&self, clock: Clock) -> Result<Http, String> {
        let egress = Egress::new(self.allow_origins.clone()).with(self.authorities.clone(), self.way()?);
        Http::new(egress, Duration::from_secs(self.deadline_seconds), clock)
    }

    fn way(&self) -> Result<Option<Way>, String> {
        let Some(proxy) = &self.proxy else { return Ok(None) };
        let what = || {
            "must be http://host:port, with user:password@ before the host if the proxy asks for it"
                .to_owned()
        };
        let url = Url::parse(proxy.expose()).map_err(|_| what())?;
        let host = url.host_str().filter(|_| url.scheme() == "http").ok_or_else(what)?.to_owned();
        let exceptions = NoProxy::from_string(&self.proxy_exceptions.join(","));
        let proxy = Proxy::all(url).map_err(|_| what())?.no_proxy(exceptions);
        Ok(Some(Way { proxy, host }))
    }

    pub(super) fn judge(&mut self, faults: &mut Vec<ConfigFault>) {
        if self.deadline_seconds == 0 || self.deadline_seconds > 60 {
            faults.push(ConfigFault::new("outbound.deadline_seconds", "must be between 1 and 60"));
        }
        if let Err(problem) = self.way() {
            faults.push(ConfigFault::new("outbound.proxy", problem));
        }
        if self.proxy.is_none() && !self.proxy_exceptions.is_empty() {
            faults.push(ConfigFault::new("outbound.proxy_exceptions", "are of no proxy; set outbound.proxy"));
        }
        let Some(file) = &self.ca_file else { return };
        let read = std::fs::read(file).map_err(|error| format!("cannot be read ({error})"));
        let read = read.and_then(|pem| {
            let all = Certificate::from_pem_bundle(&pem).unwrap_or_default();
            if all.is_empty() { Err("holds no certificate in PEM".to_owned()) } else { Ok(all) }
        });
        match read {
            Ok(all) => self.authorities = all,
            Err(why) => {
                faults.push(ConfigFault::new("outbound.ca_file", format!("{} {why}", file.display())));
            }
        }
    }
}
